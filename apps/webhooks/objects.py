"""Endpoints and deliveries as the API shows them, and messages as endpoints get them."""

import json
from typing import Any

from apps.api.dialect import Dialect, translate
from apps.outbox.models import Event
from apps.outbox.selectors import show_event
from apps.webhooks.models import Delivery, DeliveryAttempt, WebhookEndpoint


def render_endpoint(endpoint: WebhookEndpoint, *, with_secret: bool = False) -> dict[str, Any]:
    """Return the endpoint; its secret is shown when it is made, and never again."""
    shown = {
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "created": int(endpoint.created_at.timestamp()),
        "livemode": endpoint.livemode,
        "url": endpoint.url,
        "description": endpoint.description or None,
        "enabled_events": endpoint.enabled_events,
        "metadata": endpoint.metadata,
        "status": endpoint.status,
        "disabled_reason": endpoint.disabled_reason or None,
        "api_version": endpoint.api_version,
        "application": None,
    }
    return {**shown, "secret": endpoint.secret} if with_secret else shown


def render_delivery(delivery: Delivery) -> dict[str, Any]:
    """Return the delivery with what its last try brought."""
    is_pending = delivery.finished_at is None
    return {
        "id": delivery.id,
        "object": "webhook_delivery",
        "created": int(delivery.created_at.timestamp()),
        "livemode": delivery.livemode,
        "event": delivery.event_id,
        "webhook_endpoint": delivery.endpoint_id,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "next_attempt": int(delivery.next_attempt_at.timestamp()) if is_pending else None,
        "last_status_code": delivery.last_status_code,
        "last_error": delivery.last_error or None,
    }


def render_attempt(attempt: DeliveryAttempt) -> dict[str, Any]:
    """Return one try of a delivery."""
    return {
        "number": attempt.number,
        "attempted": int(attempt.attempted_at.timestamp()),
        "duration_ms": attempt.duration_ms,
        "status_code": attempt.status_code,
        "error": attempt.error or None,
        "answer": attempt.answer or None,
    }


def render_message(event: Event, *, dialect: str, api_version: str) -> bytes:
    """Return the body that is sent: the event in the dialect of its endpoint."""
    return to_body(translate(show_event(event, api_version=api_version), Dialect(dialect)))


def to_body(message: dict[str, Any]) -> bytes:
    """Return the bytes that are signed and sent."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
