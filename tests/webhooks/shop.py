"""Endpoints and events of one merchant, for tests."""

from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from apps.common.origin import Scope
from apps.outbox.models import Event
from apps.outbox.relay import relay_unhandled
from apps.outbox.services import EventDraft, publish
from apps.webhooks.models import Delivery, WebhookEndpoint
from apps.webhooks.services.endpoints import create_endpoint

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SCOPE = Scope("mer_1", livemode=False)


def endpoint(url: str, *, enabled: bool = True, **changes: Any) -> WebhookEndpoint:
    options: dict[str, Any] = {
        "scope": SCOPE,
        "url": url,
        "enabled_events": ["*"],
        "dialect": "own",
        "api_version": "2026-11-01",
        "now": timezone.now(),
    }
    made = create_endpoint(**(options | changes))
    if enabled:
        made.enable()
        made.verified_at = made.created_at
        made.save()
    return made


def happen(
    object_id: str = "pi_1", sequence: int = 1, type: str = "payment_intent.created", **changes: Any
) -> Event:
    """Publish an event and relay it to the endpoints."""
    facts: dict[str, Any] = {
        "merchant_id": SCOPE.merchant_id,
        "livemode": SCOPE.livemode,
        "type": type,
        "object_id": object_id,
        "sequence": sequence,
        "object": {"id": object_id, "object": "payment_intent", "status": "created"},
        "actor": "clock",
        "created_at": NOW,
    }
    publish(EventDraft(**(facts | changes)))
    relay_unhandled()
    return Event.objects.get(object_id=object_id, sequence=sequence)


def make_due() -> None:
    """Let the waits of all deliveries pass."""
    Delivery.objects.update(next_attempt_at=timezone.now(), leased_until=None)
