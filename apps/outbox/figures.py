"""Numbers about the outbox for people."""

from datetime import datetime
from typing import Any

from apps.outbox.models import Message


def count_dead_letters(_user: Any, *, now: datetime) -> int:  # noqa: ARG001 - a card's shape
    """Return how many messages were given up and wait for a person."""
    return Message.objects.filter(dead_at__isnull=False).count()
