"""What `manage.py check` says about the stream of events."""

from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

KAFKA_PACKAGE = "confluent_kafka"


def check_kafka(**_options: Any) -> list[CheckMessage]:
    """Refuse a cluster without its client: events would wait for ever, and nobody would know."""
    if not settings.KAFKA_BOOTSTRAP_SERVERS or find_spec(KAFKA_PACKAGE) is not None:
        return []
    return [
        Error(
            "KAFKA_BOOTSTRAP_SERVERS is set, and the package confluent-kafka is not installed.",
            hint="Install requirements/kafka.txt, or leave KAFKA_BOOTSTRAP_SERVERS empty.",
            id="outbox.E001",
        )
    ]
