"""Reads of checkout sessions."""

from datetime import datetime

from apps.checkout.models import Session
from apps.common.origin import Scope
from apps.common.rows import get_row
from apps.customers.models import Customer
from apps.subscriptions.models import Subscription
from apps.subscriptions.policies.time import add_days
from apps.subscriptions.selectors import times_of


def get_session(scope: Scope, session_id: str) -> Session:
    """
    Return the session.

    :raises ResourceMissing: not of this account and mode
    """
    return get_row(Session.objects, scope, session_id, resource="checkout.session", param="id")


def find_session(session_id: str) -> Session | None:
    """Return the session behind a link, for a payer, who belongs to no account."""
    return Session.objects.filter(pk=session_id).first()


def trial_end_of(session: Session, now: datetime) -> datetime | None:
    """Return until when the subscription is free, as if the payer began now if they have not."""
    if not session.has_trial:
        return None
    if session.subscription_id:
        return Subscription.objects.values_list("trial_end", flat=True).get(
            pk=session.subscription_id
        )
    if session.trial_days is None:
        return session.trial_end
    if not session.customer_id:
        return add_days(now, session.trial_days, "UTC")
    customer = Customer.objects.get(pk=session.customer_id)
    times = times_of(customer.test_clock_id, now)
    return add_days(times.now, session.trial_days, customer.time_zone)
