"""Numbers about webhooks for people."""

from datetime import datetime
from typing import Any

from apps.webhooks.models import InboundEvent
from apps.webhooks.states import InboundStatus


def count_dead_inbound_events(_user: Any, *, now: datetime) -> int:  # noqa: ARG001 - a card's shape
    """Return how many events of gateways were given up and wait for a person."""
    return InboundEvent.objects.filter(status=InboundStatus.DEAD).count()
