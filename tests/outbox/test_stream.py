"""The Kafka relay against a broker that speaks the real protocol."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka import Message as KafkaMessage
from pytest_django import Settings

from apps.outbox import stream
from apps.outbox.models import Event, Message, StreamMessage
from apps.outbox.relay import relay_unhandled
from apps.outbox.services import publish
from apps.outbox.stream import close_stream, queue_for_stream, stream_events
from docs.examples.kafka_consumer import read_events
from tests.outbox.drafts import NOW, draft

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PATIENCE_SECONDS = 20.0
NOBODY = "127.0.0.1:9"


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    """Run three brokers, which live as long as this client."""
    owner = Producer({"bootstrap.servers": NOBODY, "test.mock.num.brokers": 3})
    known = owner.list_topics(timeout=5).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in known)
    owner.flush(1)


@pytest.fixture
def topic(brokers: str, settings: Settings) -> Iterator[str]:
    settings.KAFKA_BOOTSTRAP_SERVERS = brokers
    settings.KAFKA_TOPIC = f"events-{uuid.uuid4()}"
    close_stream()
    yield settings.KAFKA_TOPIC
    close_stream()


def consumer_of(brokers: str, topic: str) -> Consumer:
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": str(uuid.uuid4()),
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    return consumer


def read(brokers: str, topic: str, count: int) -> list[KafkaMessage]:
    consumer = consumer_of(brokers, topic)
    found: list[KafkaMessage] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(found) < count and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            found.append(message)
    consumer.close()
    return found


def happen(*drafts: Any) -> None:
    """Store events and bring them to the queue of the stream."""
    publish(*drafts)
    queue_for_stream(list(Message.objects.order_by("id").values_list("event_id", flat=True)))


def stream_all() -> int:
    """Send round by round, since each takes the heads of the queues only."""
    total = 0
    while sent := stream_events(now=NOW):
        total += sent
    return total


def test_events_arrive_with_their_objects_key_in_their_objects_order(
    brokers: str, topic: str
) -> None:
    happen(*(draft(f"pi_{n % 3}", n // 3 + 1) for n in range(12)))

    assert stream_all() == 12

    messages = read(brokers, topic, 12)
    sequences: dict[str, list[int]] = {}
    for message in messages:
        value = json.loads(message.value() or b"")
        assert (message.key() or b"").decode() == value["related_object"]
        headers = dict(message.headers() or [])
        assert headers["event_id"] == value["id"].encode()
        assert headers["merchant_id"] == b"mer_1"
        sequences.setdefault(value["related_object"], []).append(value["sequence"])
    assert sequences == {f"pi_{n}": [1, 2, 3, 4] for n in range(3)}
    assert not StreamMessage.objects.exists()


def test_the_relay_of_the_outbox_feeds_the_stream(topic: str) -> None:
    publish(draft("cus_1", 1, type="account.tested"))

    relay_unhandled()

    assert StreamMessage.objects.get().object_id == "cus_1"


def test_an_event_is_queued_once_however_often_it_is_relayed(topic: str) -> None:
    happen(draft("pi_1", 1))

    queue_for_stream([Event.objects.get().id])

    assert StreamMessage.objects.count() == 1


def test_what_the_cluster_never_takes_is_named_in_the_dead_letters_and_holds_up_nobody(
    brokers: str, topic: str, settings: Settings
) -> None:
    settings.KAFKA_MAX_MESSAGE_BYTES = 5_000
    big = {"id": "pi_1", "object": "payment_intent", "description": "x" * 20_000}
    happen(draft("pi_1", 1, object=big), draft("pi_1", 2), draft("pi_2", 1))

    assert stream_all() == 3

    arrived = [json.loads(m.value() or b"") for m in read(brokers, topic, 2)]
    assert sorted((e["related_object"], e["sequence"]) for e in arrived) == [
        ("pi_1", 2),
        ("pi_2", 1),
    ]
    (letter,) = read(brokers, f"{topic}.dead", 1)
    note = json.loads(letter.value() or b"")
    assert note["event"] == Event.objects.get(object_id="pi_1", sequence=1).id
    assert "MSG_SIZE_TOO_LARGE" in note["error"]
    assert not StreamMessage.objects.exists()


def test_while_the_cluster_is_away_events_wait_and_later_arrive(
    brokers: str, topic: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = NOBODY
    monkeypatch.setattr(stream, "MESSAGE_SECONDS", 1)
    happen(draft("pi_1", 1))

    assert stream_events(now=NOW) == 0

    waiting = StreamMessage.objects.get()
    assert (waiting.attempts, waiting.leased_until) == (1, None)
    settings.KAFKA_BOOTSTRAP_SERVERS = brokers
    close_stream()
    StreamMessage.objects.update(available_at=NOW)
    assert stream_events(now=NOW) == 1
    assert len(read(brokers, topic, 1)) == 1


def test_what_a_dead_relay_had_claimed_is_sent_after_its_lease(brokers: str, topic: str) -> None:
    happen(draft("pi_1", 1))
    stream._claim()

    assert stream_events(now=NOW) == 0

    StreamMessage.objects.update(leased_until=NOW)
    assert stream_events(now=NOW) == 1


def test_without_kafka_nothing_is_queued() -> None:
    publish(draft("pi_1", 1))

    queue_for_stream([Event.objects.get().id])

    assert not StreamMessage.objects.exists()
    assert stream_events(now=NOW) == 0


def test_the_example_applies_each_event_once(brokers: str, topic: str) -> None:
    happen(draft("pi_1", 1), draft("pi_1", 2))
    stream_all()
    StreamMessage.objects.all().delete()
    queue_for_stream(list(Message.objects.order_by("id").values_list("event_id", flat=True)))
    stream_all()
    applied: dict[str, int] = {}
    seen = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    consumer = consumer_of(brokers, topic)

    def wanted() -> bool:
        return consumer_position(consumer) < 4 and time.monotonic() < deadline

    for event in read_events(consumer, applied, wanted=wanted):
        seen.append(event["sequence"])
    consumer.close()

    assert seen == [1, 2]
    assert applied == {"pi_1": 2}


def consumer_position(consumer: Consumer) -> int:
    """Return how many messages have been read."""
    return sum(max(0, place.offset) for place in consumer.position(consumer.assignment()))
