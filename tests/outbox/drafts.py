"""Events for tests: everything has a default."""

from datetime import UTC, datetime
from typing import Any

from apps.outbox.services import EventDraft

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def draft(object_id: str, sequence: int, **changes: Any) -> EventDraft:
    """Return the draft of one event of the object."""
    facts: dict[str, Any] = {
        "merchant_id": "mer_1",
        "livemode": False,
        "type": "payment_intent.created",
        "object_id": object_id,
        "sequence": sequence,
        "object": {"id": object_id, "object": "payment_intent"},
        "actor": "clock",
        "created_at": NOW,
    }
    return EventDraft(**(facts | changes))
