"""
The Kafka relay: the same events for other services, when a cluster is configured.

It is one more reader of the outbox with a queue of its own, so a cluster that is away delays
nothing but itself. The key of a message is its object's id, so the events of one object stay in
their order, in one partition; only the head of each object's queue is taken, whatever the number
of relays. Delivery is at least once: readers tell repetitions by the header `event_id`.
"""

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import connection

from apps.common.transactions import assert_no_transaction
from apps.outbox import metrics
from apps.outbox.models import Event
from apps.outbox.policies import MAX_ATTEMPTS, wait_after
from apps.outbox.selectors import show_event

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Producer

logger = logging.getLogger(__name__)

BATCH_SIZE: Final = 500
# The client reports on a message within the first, so the second never cuts it short, and the
# lease outlives both.
MESSAGE_SECONDS: Final = 10
FLUSH_SECONDS: Final = 15
LEASE_SECONDS: Final = 60
MAX_ERROR_LENGTH: Final = 500
DEAD_LETTER_SUFFIX: Final = ".dead"

_QUEUE = """
INSERT INTO outbox_streammessage (event_id, object_id, attempts, available_at)
SELECT event.id, event.object_id, 0, statement_timestamp()
  FROM unnest(%s::varchar[]) WITH ORDINALITY AS wanted (id, place)
  JOIN outbox_event event ON event.id = wanted.id
 ORDER BY wanted.place
    ON CONFLICT (event_id) DO NOTHING
"""

_CLAIM = """
UPDATE outbox_streammessage
   SET leased_until = statement_timestamp() + make_interval(secs => %(lease)s),
       attempts = attempts + 1
 WHERE id = ANY (ARRAY(
       SELECT head.id FROM outbox_streammessage head
        WHERE head.available_at <= statement_timestamp()
          AND (head.leased_until IS NULL OR head.leased_until < statement_timestamp())
          AND NOT EXISTS (SELECT FROM outbox_streammessage earlier
                           WHERE earlier.object_id = head.object_id AND earlier.id < head.id)
        ORDER BY head.available_at, head.id LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
RETURNING id, event_id, attempts, leased_until
"""

_FINISH = "DELETE FROM outbox_streammessage WHERE id = ANY (%(ids)s) AND leased_until = %(lease)s"

_PUT_BACK = """
UPDATE outbox_streammessage
   SET leased_until = NULL, available_at = statement_timestamp() + make_interval(secs => %(wait)s)
 WHERE id = %(id)s AND leased_until = %(lease)s
"""


@dataclass(slots=True)
class _Sending:
    """A message in our hands, and what the cluster says about it."""

    id: int
    event_id: str
    attempts: int
    leased_until: datetime
    error: "KafkaError | None" = None
    is_reported: bool = False

    def report(self, error: "KafkaError | None", _message: Any) -> None:
        """Take the cluster's word; the client calls this while it is flushed."""
        self.error, self.is_reported = error, True

    @property
    def has_arrived(self) -> bool:
        """Whether the cluster has it."""
        return self.is_reported and self.error is None


def queue_for_stream(event_ids: list[str]) -> None:
    """Queue events for Kafka, if there is one; a second time changes nothing."""
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        return
    with connection.cursor() as cursor:
        cursor.execute(_QUEUE, [event_ids])


def stream_events(*, now: datetime) -> int:  # noqa: ARG001 - the queue goes by the database's clock
    """Send one batch of queued events to Kafka; return how many have left the queue."""
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        return 0
    claimed = _claim()
    if not claimed:
        return 0
    _send(claimed)
    arrived = [sending for sending in claimed if sending.has_arrived]
    poisoned = [s for s in claimed if s.error is not None and _is_poison(s.error)]
    buried = _bury(poisoned)
    _finish([*arrived, *buried])
    finished = {sending.id for sending in (*arrived, *buried)}
    for sending in claimed:
        if sending.id not in finished:
            _put_back(sending)
    return len(finished)


def close_stream() -> None:
    """Forget the connection to the cluster; the next batch makes a new one."""
    _producer.cache_clear()


def _claim() -> list[_Sending]:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"limit": BATCH_SIZE, "lease": LEASE_SECONDS})
        return [_Sending(*row) for row in sorted(cursor.fetchall())]


def _send(claimed: list[_Sending]) -> None:
    events = Event.objects.in_bulk([sending.event_id for sending in claimed])
    for sending in claimed:
        event = events[sending.event_id]
        shown = show_event(event, api_version=settings.API_VERSION)
        _produce(sending, event, topic=settings.KAFKA_TOPIC, value=shown)
    _flush()


def _bury(poisoned: list[_Sending]) -> list[_Sending]:
    """
    Tell the dead-letter topic what the cluster will never take; return those it has.

    The payload is what the cluster refused, so the letter only names the event: it can be read
    with `GET /v1/events/{id}`.
    """
    events = Event.objects.in_bulk([sending.event_id for sending in poisoned])
    letters = []
    for sending in poisoned:
        event = events[sending.event_id]
        letter = _Sending(sending.id, sending.event_id, sending.attempts, sending.leased_until)
        note = {
            "event": event.id,
            "type": event.type,
            "related_object": event.object_id,
            "error": str(sending.error)[:MAX_ERROR_LENGTH],
        }
        topic = f"{settings.KAFKA_TOPIC}{DEAD_LETTER_SUFFIX}"
        _produce(letter, event, topic=topic, value=note)
        letters.append(letter)
        logger.error("Kafka never takes event %s: %s", event.id, sending.error)
    if letters:
        _flush()
    metrics.stream_dead.inc(len(letters))
    return [letter for letter in letters if letter.has_arrived]


def _produce(sending: _Sending, event: Event, *, topic: str, value: dict[str, Any]) -> None:
    from confluent_kafka import KafkaException  # noqa: PLC0415 - only where Kafka is used

    headers: dict[str, str | bytes | None] = {
        "event_id": event.id,
        "type": event.type,
        "sequence": str(event.sequence),
        "merchant_id": event.merchant_id,
        "livemode": "true" if event.livemode else "false",
    }
    body = json.dumps(value, separators=(",", ":")).encode()
    try:
        _producer().produce(
            topic, body, event.object_id, headers=headers, on_delivery=sending.report
        )
    except KafkaException as refusal:
        # The client itself refuses what can never be sent, such as a message that is too large.
        sending.report(refusal.args[0], None)
    except BufferError:
        # Its buffer is full: the row stays, and goes with a later batch.
        return


def _flush() -> None:
    assert_no_transaction()
    _producer().flush(FLUSH_SECONDS)


def _finish(sent: list[_Sending]) -> None:
    with connection.cursor() as cursor:
        # One claim has one lease: all rows of a statement share its clock.
        for lease in {sending.leased_until for sending in sent}:
            cursor.execute(_FINISH, {"ids": [s.id for s in sent], "lease": lease})
    metrics.streamed.inc(len(sent))


def _put_back(sending: _Sending) -> None:
    """Wait for the cluster, however long it is away; a broken client is replaced."""
    if sending.error is not None and sending.error.fatal():
        close_stream()
    logger.warning("event %s did not reach Kafka: %s", sending.event_id, sending.error)
    with connection.cursor() as cursor:
        wait = wait_after(min(sending.attempts, MAX_ATTEMPTS)).total_seconds()
        cursor.execute(_PUT_BACK, {"id": sending.id, "lease": sending.leased_until, "wait": wait})


def _is_poison(error: "KafkaError") -> bool:
    """Return whether no repetition will ever help."""
    from confluent_kafka import KafkaError  # noqa: PLC0415 - only where Kafka is used

    return error.code() in {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_RECORD,
        KafkaError.RECORD_LIST_TOO_LARGE,
    }


@cache
def _producer() -> "Producer":
    from confluent_kafka import Producer  # noqa: PLC0415 - only where Kafka is used

    return Producer(
        {
            "bootstrap.servers": settings.KAFKA_BOOTSTRAP_SERVERS,
            # A retry inside the client neither repeats nor reorders.
            "enable.idempotence": True,
            "message.timeout.ms": MESSAGE_SECONDS * 1000,
            "message.max.bytes": settings.KAFKA_MAX_MESSAGE_BYTES,
            "compression.type": "zstd",
        }
    )
