"""Numbers about the outbox for people and for Prometheus."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q
from prometheus_client import Metric

from apps.common.metrics import gauge
from apps.outbox.models import Message


def count_dead_letters(_user: Any, *, now: datetime) -> int:  # noqa: ARG001 - a card's shape
    """Return how many messages were given up and wait for a person."""
    return Message.objects.filter(dead_at__isnull=False).count()


def measure_outbox(now: datetime) -> Iterable[Metric]:
    """Yield how much waits to leave, since when, and what was given up."""
    is_alive = Q(dead_at__isnull=True)
    queue = Message.objects.aggregate(
        pending=Count("id", filter=is_alive),
        dead=Count("id", filter=~is_alive),
        oldest=Min("available_at", filter=is_alive),
    )
    age = max(0.0, (now - queue["oldest"]).total_seconds()) if queue["oldest"] else 0.0
    yield gauge("pay_outbox_pending", "Events not yet passed on.", [((), queue["pending"])], ())
    yield gauge("pay_outbox_oldest_age_seconds", "Wait of the oldest of them.", [((), age)], ())
    yield gauge("pay_dead_letters", "Events given up.", [(("outbox",), queue["dead"])], ("queue",))
