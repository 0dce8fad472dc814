"""What the clock does for the outbox; wired in config/schedule.py."""

from datetime import datetime

from apps.outbox.relay import relay_unhandled


def relay_events(*, now: datetime) -> int:  # noqa: ARG001 - queues go by the database's clock
    """Pass on a batch of the events that have no handler."""
    return relay_unhandled()
