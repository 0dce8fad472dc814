"""
The relay: takes events out of the queue and brings them to their readers.

Two lanes. Events without a handler are most of all: they only go on to the queues of other
readers, in batches of a few statements. Events with handlers are claimed with a lease and handled
one by one, side by side in threads; a failure backs off and in the end becomes a dead letter.

Only the head of each object's queue is taken, so an object's events arrive in order, whatever the
number of relays (docs/architecture.md, "Outbox"). All clocks here are the database's, for they
are compared between machines.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from apps.common.logs import about
from apps.common.tracing import span
from apps.outbox import metrics
from apps.outbox.models import Event, Message
from apps.outbox.policies import MAX_ATTEMPTS, is_last_attempt, wait_after
from apps.outbox.routes import handled_types, handlers_of, queues

logger = logging.getLogger(__name__)

BATCH_SIZE = 500
# A handler may talk to a gateway: its time budget fits in several times.
LEASE_SECONDS = 30
# The text of an error, for a person to read in the back-office.
MAX_ERROR_LENGTH = 500

# An earlier message that is dead holds nobody up. Whoever writes an event holds its object's lock
# or has its version, so ids of one object are committed in their order.
_HEADS = """
SELECT head.id FROM outbox_message head
 WHERE head.dead_at IS NULL AND head.available_at <= statement_timestamp()
   AND (head.leased_until IS NULL OR head.leased_until < statement_timestamp())
   AND (head.type LIKE ANY (%(handled)s::text[])) = %(has_handler)s
   AND NOT EXISTS (SELECT FROM outbox_message earlier
                    WHERE earlier.object_id = head.object_id AND earlier.id < head.id
                      AND earlier.dead_at IS NULL)
 ORDER BY head.available_at, head.id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""

_TAKE_UNHANDLED = f"""
DELETE FROM outbox_message WHERE id = ANY (ARRAY({_HEADS})) RETURNING event_id, id
"""  # noqa: S608 - constants only

_CLAIM_HANDLED = f"""
UPDATE outbox_message
   SET leased_until = statement_timestamp() + make_interval(secs => %(lease)s),
       attempts = attempts + 1
 WHERE id = ANY (ARRAY({_HEADS})) RETURNING id, event_id, type, attempts, leased_until
"""  # noqa: S608 - constants only

_PUT_BACK = """
UPDATE outbox_message
   SET leased_until = NULL, last_error = %(error)s,
       available_at = statement_timestamp() + make_interval(secs => %(wait)s),
       dead_at = CASE WHEN %(is_dead)s THEN statement_timestamp() END
 WHERE id = %(id)s AND leased_until = %(leased_until)s
"""


class RelayDied(Exception):
    """Every relay that took this message died over it: no attempt came to an end."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message in our hands until `leased_until`, which is also the proof that it is ours."""

    id: int
    event_id: str
    type: str
    attempts: int
    leased_until: datetime


def relay_unhandled(*, limit: int = BATCH_SIZE) -> int:
    """Pass on a batch of events that have no handler; return how many were taken."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TAKE_UNHANDLED, _heads(has_handler=False, limit=limit))
        taken = sorted(cursor.fetchall(), key=_message_id)
        if taken:
            _pass_on([event_id for event_id, _ in taken])
    metrics.relayed.inc(len(taken))
    return len(taken)


def claim_handled(limit: int) -> list[Claimed]:
    """Take up to `limit` events that have handlers; each goes to `handle`."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM_HANDLED, {**_heads(has_handler=True, limit=limit), "lease": LEASE_SECONDS}
        )
        return [Claimed(*row) for row in sorted(cursor.fetchall())]


def handle(message: Claimed, *, now: datetime) -> None:
    """Bring one event to its readers and take it off the queue, or put it back for later."""
    try:
        if message.attempts > MAX_ATTEMPTS:
            raise RelayDied  # noqa: TRY301 - the same way out as for every other failure
        # The other readers first: a handler that fails does not keep the event from them.
        with transaction.atomic():
            _pass_on([message.event_id])
        event = Event.objects.get(pk=message.event_id)
        request_id = event.request_id
        with (
            about(event=event.id, object=event.object_id, request_id=request_id),
            span(f"handle {event.type}", request_id=request_id, event=event.id),
        ):
            for react in handlers_of(message.type):
                react(event, now=now)
    except Exception as error:  # one bad event must not stop the relay
        logger.exception("a handler of %s failed", message.type)
        _put_back(message, error)
    else:
        Message.objects.filter(pk=message.id, leased_until=message.leased_until).delete()
        metrics.relayed.inc()


def drain(*, now: datetime, limit: int = BATCH_SIZE) -> int:
    """
    Relay what is due, in this thread, for at most `limit` rounds; return how many were relayed.

    The dispatcher does this continuously and in parallel; this is for the clock's backstop.
    """
    total = 0
    for _ in range(limit):
        claims = claim_handled(1)
        for message in claims:
            handle(message, now=now)
        relayed = relay_unhandled() + len(claims)
        if not relayed:
            break
        total += relayed
    return total


def _heads(*, has_handler: bool, limit: int) -> dict[str, Any]:
    return {"handled": handled_types(), "has_handler": has_handler, "limit": limit}


def _message_id(row: tuple[str, int]) -> int:
    return row[1]


def _pass_on(event_ids: list[str]) -> None:
    for queue in queues():
        queue(event_ids)


def _put_back(message: Claimed, error: Exception) -> None:
    is_dead = is_last_attempt(message.attempts)
    with connection.cursor() as cursor:
        cursor.execute(
            _PUT_BACK,
            {
                "id": message.id,
                "leased_until": message.leased_until,
                "error": f"{type(error).__name__}: {error}"[:MAX_ERROR_LENGTH],
                "wait": wait_after(message.attempts).total_seconds(),
                "is_dead": is_dead,
            },
        )
    metrics.failed.labels(message.type).inc()
    if is_dead:
        metrics.dead.labels(message.type).inc()
        logger.error("event %s is a dead letter", message.event_id)
