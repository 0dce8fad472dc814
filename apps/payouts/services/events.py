"""The events of this app's objects, written in the caller's transaction."""

from datetime import datetime
from typing import Any, Protocol

from apps.common.origin import Origin
from apps.outbox.services import EventDraft, publish


class Versioned(Protocol):
    """A row whose version counts its events."""

    id: Any
    merchant_id: Any
    livemode: Any
    version: Any


def publish_event(
    row: Versioned,
    type_: str,
    shown: dict[str, Any],
    *,
    origin: Origin,
    now: datetime,
    data: dict[str, Any] | None = None,
) -> None:
    """Keep what happened to `row`, which counted its version already; the caller holds its lock."""
    publish(
        EventDraft(
            merchant_id=row.merchant_id,
            livemode=row.livemode,
            type=type_,
            object_id=row.id,
            sequence=row.version,
            object=shown,
            data=data or {},
            actor=origin.actor,
            request_id=origin.request_id,
            idempotency_key=origin.idempotency_key,
            created_at=now,
        )
    )
