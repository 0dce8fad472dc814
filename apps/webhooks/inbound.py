"""
Inbound events: stored before they are answered, handled afterwards.

Whatever a gateway tells is a wake-up call, so order means nothing here: handlers compare or read
the state at the gateway. An event about an object we do not know is parked; an error backs off;
after the last attempt a person decides.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from apps.gateways.base import GatewayEvent
from apps.outbox.policies import wait_after
from apps.webhooks import metrics
from apps.webhooks.errors import UnknownObject
from apps.webhooks.models import InboundEvent
from apps.webhooks.policies import is_last_inbound_attempt, parked_wait_after
from apps.webhooks.states import InboundStatus

logger = logging.getLogger(__name__)

# A handler asks the gateway for the state: its time budget fits in several times.
LEASE_SECONDS = 30
MAX_ERROR_LENGTH = 500

_STORE = """
INSERT INTO webhooks_inboundevent (gateway, event_id, type, kind, reference, payment_reference,
       attempt_id, refund_id, occurred_at, body, headers, received_at, status, attempts,
       available_at, last_error)
SELECT %(gateway)s, id, type, kind, reference, payment_reference, attempt_id, refund_id,
       occurred_at, %(body)s, %(headers)s::jsonb, statement_timestamp(), 'received', 0,
       statement_timestamp(), ''
  FROM jsonb_to_recordset(%(events)s::jsonb)
    AS event (id text, type text, kind text, reference text, payment_reference text,
              attempt_id text, refund_id text, occurred_at timestamptz)
    ON CONFLICT (gateway, event_id) DO NOTHING
"""

_CLAIM = """
UPDATE webhooks_inboundevent
   SET leased_until = statement_timestamp() + make_interval(secs => %(lease)s),
       attempts = attempts + 1
 WHERE id = ANY (ARRAY(
           SELECT id FROM webhooks_inboundevent
            WHERE status IN ('received', 'parked') AND available_at <= statement_timestamp()
              AND (leased_until IS NULL OR leased_until < statement_timestamp())
            ORDER BY available_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
RETURNING id, gateway, event_id, type, kind, reference, payment_reference, attempt_id, refund_id,
          occurred_at, received_at, status, attempts, available_at, leased_until, last_error,
          processed_at
"""


def store_gateway_events(
    *, gateway: str, events: list[GatewayEvent], body: bytes, headers: Mapping[str, str]
) -> int:
    """Keep the events that are new, in one statement; return how many those are."""
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE,
            {
                "gateway": gateway,
                "events": json.dumps([asdict(event) for event in events], default=str),
                "body": body,
                "headers": json.dumps(headers),
            },
        )
        stored: int = cursor.rowcount
    metrics.count_inbound("received", stored)
    return stored


def claim_inbound(limit: int) -> list[InboundEvent]:
    """Take up to `limit` events that are due; each goes to `process_inbound`."""
    rows = InboundEvent.objects.raw(_CLAIM, {"lease": LEASE_SECONDS, "limit": limit})
    return sorted(rows, key=lambda event: event.id)


def process_inbound(event: InboundEvent, *, now: datetime) -> None:
    """Hand one claimed event to the handler of its kind and note how that went."""
    try:
        react = _handler_of(event.kind)
        if react is not None:
            react(gateway=event.gateway, event=event.as_gateway_event(), now=now)
    except UnknownObject as reason:
        _wait_or_bury(event, event.park, reason, wait=parked_wait_after(event.attempts))
    except Exception as error:  # one bad event must not stop the others
        logger.exception("the handler of %s from %s failed", event.type, event.gateway)
        _wait_or_bury(event, event.postpone, error, wait=wait_after(event.attempts))
    else:
        event.finish(now=now)
        _settle(event)


def drain_inbound(*, now: datetime, limit: int = 500) -> int:
    """
    Process what is due, in this thread, `limit` events at most; return how many there were.

    The dispatcher does this continuously and in parallel; this is for the clock's backstop.
    """
    for done in range(limit):
        claims = claim_inbound(1)
        if not claims:
            return done
        process_inbound(claims[0], now=now)
    return limit


def replay_inbound_event(*, inbound_event_id: int) -> InboundEvent:
    """
    Process a dead event once more, from its first attempt.

    :raises IllegalTransition: it is not dead
    """
    with transaction.atomic():
        event = InboundEvent.objects.select_for_update().get(pk=inbound_event_id)
        event.revive()
        _settle(event)
    return event


def repeat_processed(*, since: datetime, now: datetime) -> Iterator[str]:
    """
    Hear again what was worked off since then, and yield the troubles, by the event.

    Handlers compare or read the state at the gateway, so what is known changes nothing; what a
    restored backup does not know is caught up with. The rows stay as they are.
    """
    told = InboundEvent.objects.filter(status=InboundStatus.PROCESSED, received_at__gte=since)
    for event in told.defer("body", "headers").order_by("pk").iterator(chunk_size=500):
        react = _handler_of(event.kind)
        if react is None:
            continue
        try:
            react(gateway=event.gateway, event=event.as_gateway_event(), now=now)
        except Exception as error:  # one bad event must not stop the others
            logger.exception("%s from %s could not be heard again", event.type, event.gateway)
            yield f"{event.gateway} {event.event_id}: {type(error).__name__}: {error}"


def forget_inbound_routes() -> None:
    """Read the map anew; for tests that put other routes in its place."""
    _handler_of.cache_clear()


@cache
def _handler_of(kind: str) -> Callable[..., None] | None:
    routes: Mapping[str, str] = import_string(f"{settings.EVENT_ROUTES}.INBOUND")
    path = routes.get(kind)
    return import_string(path) if path else None


def _wait_or_bury(
    event: InboundEvent, wait_for: Callable[..., None], reason: Exception, *, wait: timedelta
) -> None:
    text = f"{type(reason).__name__}: {reason}"[:MAX_ERROR_LENGTH]
    if is_last_inbound_attempt(event.attempts):
        event.bury(reason=text)
        logger.error("event %s of %s is a dead letter", event.event_id, event.gateway)
    else:
        wait_for(reason=text)
    _settle(event, wait=wait)


def _settle(event: InboundEvent, *, wait: timedelta = timedelta()) -> None:
    """Write the outcome, unless the lease ran out and somebody else has the event now."""
    changes: dict[str, Any] = {
        "status": event.status,
        "attempts": event.attempts,
        "last_error": event.last_error,
        "processed_at": event.processed_at,
        "available_at": Now() + wait,
        "leased_until": None,
    }
    InboundEvent.objects.filter(pk=event.pk, leased_until=event.leased_until).update(**changes)
    metrics.count_inbound(event.status)
