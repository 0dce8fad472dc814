"""The events of a setup, written in the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.common.origin import Origin
from apps.outbox.services import EventDraft, publish
from apps.setups.models import SetupIntent
from apps.setups.objects import render_setup


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """Who changes a setup, and when; the caller holds the setup's lock."""

    origin: Origin
    now: datetime

    def happen(self, setup: SetupIntent, type_: str, **data: Any) -> None:
        """Move the setup and keep the event; the caller saves the row."""
        setup.apply(type_, data)
        publish(
            EventDraft(
                merchant_id=setup.merchant_id,
                livemode=setup.livemode,
                type=type_,
                object_id=setup.id,
                sequence=setup.version,
                object=render_setup(setup),
                data=data,
                actor=self.origin.actor,
                request_id=self.origin.request_id,
                idempotency_key=self.origin.idempotency_key,
                created_at=self.now,
            )
        )
