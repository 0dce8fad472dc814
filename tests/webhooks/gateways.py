"""A gateway account that only calls us: its events are signed with one word."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from apps.gateways.base import EventKind, GatewayEvent, InvalidSignature

SIGNATURE = "genuine"
OCCURRED_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


def gateway_event(event_id: str = "evt_psp_1", **changes: Any) -> GatewayEvent:
    facts: dict[str, Any] = {
        "id": event_id,
        "type": "payment_intent.succeeded",
        "kind": EventKind.PAYMENT,
        "reference": "pi_psp_1",
        "occurred_at": OCCURRED_AT,
        "payment_reference": "pi_psp_1",
        "attempt_id": "att_1",
    }
    return GatewayEvent(**(facts | changes))


class CallingGateway:
    """Its webhook's body is a JSON list of event ids."""

    name = "stripe_main"
    kind = "stripe"

    def parse_webhook(
        self, *, body: bytes, headers: Mapping[str, str], now: datetime
    ) -> list[GatewayEvent]:
        """Believe what carries the signature."""
        assert now.tzinfo is not None
        if headers.get("stripe-signature") != SIGNATURE:
            raise InvalidSignature
        return [gateway_event(event_id) for event_id in json.loads(body)]
