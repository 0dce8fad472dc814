"""What billing does when something happens; wired in config/event_routes.py."""

from datetime import datetime

from apps.common.origin import CLOCK
from apps.outbox.models import Event
from apps.subscriptions.services.dunning import charge_overdue
from apps.subscriptions.services.mails import send_dunning_mail, send_trial_mail


def on_customer_updated(event: Event, *, now: datetime) -> None:
    """Charge what is overdue with the customer's new card, once and the oldest first (AC-32)."""
    before = event.previous_attributes or {}
    if "default_payment_method" in before.get("invoice_settings", {}):
        charge_overdue(customer_id=event.object_id, origin=CLOCK, now=now)


def on_payment_trouble(event: Event, *, now: datetime) -> None:  # noqa: ARG001
    """Tell the customer that an invoice was not paid, and where a new card can be left."""
    send_dunning_mail(invoice_id=event.object_id, event_id=event.id, event_type=event.type)


def on_trial_will_end(event: Event, *, now: datetime) -> None:  # noqa: ARG001
    """Remind the customer that the trial ends."""
    send_trial_mail(subscription_id=event.object_id, event_id=event.id)
