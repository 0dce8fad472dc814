"""
Read the platform's events from Kafka: each once, in the order of its object.

    KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092 python docs/examples/kafka_consumer.py

The platform delivers at least once. A consumer remembers the highest `sequence` it has applied per
object, in the same transaction as what it does with the event, and skips what is not higher; and
it commits its offset after that. Here a dict stands for the table.
"""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaException

TOPIC = os.environ.get("KAFKA_TOPIC", "payments.events")
POLL_SECONDS = 1.0


def read_events(
    consumer: Consumer, applied: dict[str, int], *, wanted: Callable[[], bool]
) -> Iterator[dict[str, Any]]:
    """Yield events that were not applied before, as long as they are wanted."""
    while wanted():
        message = consumer.poll(POLL_SECONDS)
        if message is None:
            continue
        error = message.error()
        if error is not None:
            raise KafkaException(error)
        event: dict[str, Any] = json.loads(message.value() or b"{}")
        if event["sequence"] > applied.get(event["related_object"], 0):
            yield event
            applied[event["related_object"]] = event["sequence"]
        consumer.commit(message=message)


def main() -> None:
    """Print the events until interrupted."""
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
            "group.id": "payments-example",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([TOPIC])
    try:
        for event in read_events(consumer, {}, wanted=lambda: True):
            print(event["type"], event["related_object"], event["sequence"])
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
