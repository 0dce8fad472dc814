"""The events of a session, written in the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.checkout.models import Session
from apps.checkout.objects import render_session
from apps.common.origin import Origin
from apps.outbox.services import EventDraft, publish


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """Who changes a session, and when; the caller holds the session's lock."""

    origin: Origin
    now: datetime

    def happen(self, session: Session, type_: str, **data: Any) -> None:
        """Move the session and keep the event; the caller saves the row."""
        session.apply(type_, data)
        publish(
            EventDraft(
                merchant_id=session.merchant_id,
                livemode=session.livemode,
                type=type_,
                object_id=session.id,
                sequence=session.version,
                object=render_session(session),
                data=data,
                actor=self.origin.actor,
                request_id=self.origin.request_id,
                idempotency_key=self.origin.idempotency_key,
                created_at=self.now,
            )
        )
