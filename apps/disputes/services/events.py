"""The events of a dispute, written in the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.common.origin import Origin
from apps.disputes.models import Dispute
from apps.disputes.objects import render_dispute
from apps.outbox.services import EventDraft, publish


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """Who changes a dispute, and when; the caller holds the dispute's lock."""

    origin: Origin
    now: datetime

    def happen(self, dispute: Dispute, type_: str, **data: Any) -> None:
        """Move the dispute and keep the event; the caller saves the row."""
        dispute.apply(type_, data)
        publish(
            EventDraft(
                merchant_id=dispute.merchant_id,
                livemode=dispute.livemode,
                type=type_,
                object_id=dispute.id,
                sequence=dispute.version,
                object=render_dispute(dispute, funds=dispute.funds.order_by("id")),
                data=data,
                actor=self.origin.actor,
                request_id=self.origin.request_id,
                idempotency_key=self.origin.idempotency_key,
                created_at=self.now,
            )
        )
