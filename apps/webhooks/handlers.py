"""What webhooks do when they hear of events; wired in config/event_routes.py."""

from datetime import datetime

from apps.outbox.models import Event
from apps.webhooks.services.mails import send_disabled_mail

# The endpoint's own doing: what a person disabled, that person knows.
_UNASKED = {"gone", "failing"}


def on_endpoint_disabled(event: Event, *, now: datetime) -> None:
    """Tell by mail what no webhook can tell: that webhooks do not arrive (AC-77)."""
    del now
    if event.object.get("disabled_reason") in _UNASKED:
        send_disabled_mail(endpoint_id=event.object_id, event_id=event.id)
