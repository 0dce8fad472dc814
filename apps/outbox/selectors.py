"""Reads of the event store and its queue."""

from dataclasses import replace
from typing import Any, Final

from django.db import connection

from apps.common.origin import CLOCK, Origin, Scope
from apps.common.readiness import NotReady
from apps.common.rows import get_row
from apps.outbox.models import Event

# Events leave within a second; a minute means that no dispatcher runs, or that it cannot keep up.
MAX_LAG_SECONDS: Final = 60


class OutboxLagging(NotReady):
    """Events have been waiting for too long."""


def get_event(*, scope: Scope, event_id: str) -> Event:
    """
    Return one event of the merchant.

    :raises ResourceMissing: no such event in this account and mode
    """
    return get_row(Event.objects, scope, event_id, resource="event", param="id")


def on_behalf_of_last_request(object_id: str) -> Origin:
    """
    Return the clock as the origin of work that the last request about an object left behind.

    What it writes then carries that request's id, so that logs and traces go on; without such a
    request it is the clock alone.
    """
    asked = Event.objects.filter(object_id=object_id).exclude(request_id="").order_by("-sequence")
    last = asked.values_list("request_id", "idempotency_key").first()
    if last is None:
        return CLOCK
    return replace(CLOCK, request_id=last[0], idempotency_key=last[1])


def check_outbox_lag() -> str:
    """
    Say for how long the oldest message that is due has been waiting; for `/readyz`.

    :raises OutboxLagging: longer than MAX_LAG_SECONDS
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM now() - min(available_at))::int"
            " FROM outbox_message WHERE dead_at IS NULL"
        )
        lag: int = max(0, cursor.fetchone()[0] or 0)
    if lag > MAX_LAG_SECONDS:
        raise OutboxLagging(f"the oldest event has been waiting for {lag} s")
    return f"{lag} s"


def show_event(event: Event, *, api_version: str) -> dict[str, Any]:
    """Return the event as the API and webhooks show it, in the platform's own dialect."""
    data: dict[str, Any] = {"object": event.object}
    if event.previous_attributes is not None:
        data["previous_attributes"] = event.previous_attributes
    return {
        "id": event.id,
        "object": "event",
        "type": event.type,
        "created": int(event.created_at.timestamp()),
        "livemode": event.livemode,
        "api_version": api_version,
        "pending_webhooks": 0,
        "data": data,
        "request": {
            "id": event.request_id or None,
            "idempotency_key": event.idempotency_key or None,
        },
        "related_object": event.object_id,
        "sequence": event.sequence,
    }
