"""Routes for tests: what MAP 2 would hold. Handlers note what they hear, or fail on demand."""

import threading
from collections.abc import Callable
from datetime import datetime

from apps.outbox.models import Event

heard: list[Event] = []
queued: list[str] = []
troubles: dict[str, Callable[[], None]] = {}
lock = threading.Lock()


def on_payment_event(event: Event, *, now: datetime) -> None:
    """Note the event, after the trouble that the test planned for its object."""
    if event.object_id in troubles:
        troubles[event.object_id]()
    with lock:
        heard.append(event)


def queue_ids(event_ids: list[str]) -> None:
    """Note the events that go on to other readers."""
    queued.extend(event_ids)


HANDLERS = {"payment_intent.*": ["tests.outbox.routes.on_payment_event"]}
QUEUES = ["tests.outbox.routes.queue_ids"]
INBOUND: dict[str, str] = {}
