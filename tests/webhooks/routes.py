"""Routes for tests: handlers note what they hear, after the trouble a test planned."""

import threading
from collections.abc import Callable
from datetime import datetime

from apps.gateways.base import GatewayEvent

heard: list[tuple[str, GatewayEvent]] = []
troubles: list[Callable[[], None]] = []
lock = threading.Lock()


def on_gateway_payment(*, gateway: str, event: GatewayEvent, now: datetime) -> None:
    """Note the event."""
    for trouble in troubles:
        trouble()
    with lock:
        heard.append((gateway, event))


HANDLERS: dict[str, list[str]] = {}
QUEUES = ["apps.webhooks.services.deliveries.queue_deliveries"]
INBOUND = {"payment": "tests.webhooks.routes.on_gateway_payment"}
