"""Numbers about webhooks for people and for Prometheus."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from prometheus_client import Metric

from apps.common.metrics import gauge
from apps.webhooks.models import InboundEvent, WebhookEndpoint
from apps.webhooks.states import EndpointStatus, InboundStatus


def count_dead_inbound_events(_user: Any, *, now: datetime) -> int:  # noqa: ARG001 - a card's shape
    """Return how many events of gateways were given up and wait for a person."""
    return InboundEvent.objects.filter(status=InboundStatus.DEAD).count()


def measure_webhooks(now: datetime) -> Iterable[Metric]:
    """Yield what waits for a person: events of gateways given up, endpoints that fail."""
    dead = count_dead_inbound_events(None, now=now)
    failing = WebhookEndpoint.objects.filter(
        status=EndpointStatus.ENABLED, failing_since__isnull=False
    ).count()
    yield gauge("pay_inbound_dead_letters", "Events of gateways given up.", [((), dead)], ())
    yield gauge("pay_webhook_endpoints_failing", "Endpoints that fail.", [((), failing)], ())
