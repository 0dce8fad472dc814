"""Endpoints, deliveries and inbound webhooks for the demo."""

from datetime import timedelta
from typing import Final

from django.db.models import Max

from apps.common.demo import Demo
from apps.gateways.base import EventKind
from apps.outbox.models import Event, Message
from apps.webhooks.models import Delivery, DeliveryAttempt, InboundEvent, WebhookEndpoint
from apps.webhooks.signing import new_secret
from apps.webhooks.states import DeliveryStatus, EndpointStatus, InboundStatus

API_VERSION: Final = "2026-11-01"
EVENTS_DELIVERED: Final = 400
DEAD_LETTERS: Final = 3
# One delivery in so many was given up.
FAILED_ONE_IN: Final = 40
_ENDPOINTS: Final = (
    ("https://shop.example/hooks", ["*"], EndpointStatus.ENABLED),
    ("https://crm.example/payments", ["payment_intent.succeeded"], EndpointStatus.ENABLED),
    ("https://old.example/notify", ["*"], EndpointStatus.DISABLED),
)


def seed_webhooks(demo: Demo) -> None:
    """Deliver the newest events, lose some, and receive some."""
    # What is told already will not be told to the endpoints below by a platform that runs.
    told = list(
        Event.objects.filter(merchant_id=demo.scope.merchant_id)
        .exclude(pk__in=Message.objects.values("event_id"))
        .defer("object", "data")
        .order_by("-id")[:EVENTS_DELIVERED]
    )
    endpoints = [
        WebhookEndpoint.objects.create(
            merchant_id=demo.scope.merchant_id,
            livemode=demo.scope.livemode,
            url=url,
            enabled_events=events,
            dialect="own",
            api_version=API_VERSION,
            status=status,
            secret=new_secret(),
            disabled_reason="failing" if status == EndpointStatus.DISABLED else "",
            created_at=demo.begins_at,
            verified_at=demo.begins_at,
        )
        for url, events, status in _ENDPOINTS
    ]
    _deliver(demo, endpoints[0], told)
    _bury(demo, told[:DEAD_LETTERS])
    _receive(demo)


def _deliver(demo: Demo, endpoint: WebhookEndpoint, events: list[Event]) -> None:
    dice = demo.dice("deliveries")
    deliveries, attempts = [], []
    for number, event in enumerate(events):
        has_failed = number % FAILED_ONE_IN == FAILED_ONE_IN - 1
        at = event.created_at + timedelta(seconds=1)
        delivery = Delivery(
            merchant_id=demo.scope.merchant_id,
            livemode=demo.scope.livemode,
            endpoint=endpoint,
            event=event,
            status=DeliveryStatus.FAILED if has_failed else DeliveryStatus.SUCCEEDED,
            attempts=10 if has_failed else 1,
            scheduled_at=at,
            next_attempt_at=at,
            last_status_code=500 if has_failed else 200,
            created_at=at,
            finished_at=at,
        )
        deliveries.append(delivery)
        attempts.append(
            DeliveryAttempt(
                delivery=delivery,
                number=delivery.attempts,
                attempted_at=at,
                duration_ms=dice.randrange(20, 400),
                status_code=delivery.last_status_code,
                answer="out of order" if has_failed else "ok",
            )
        )
    Delivery.objects.bulk_create(deliveries)
    DeliveryAttempt.objects.bulk_create(attempts)


def _bury(demo: Demo, events: list[Event]) -> None:
    """Leave some events as dead letters: their reader could not take them."""
    for event in events:
        Message.objects.create(
            event=event,
            object_id=event.object_id,
            type=event.type,
            available_at=demo.now,
            attempts=12,
            dead_at=demo.now,
            last_error="TimeoutError: the reader did not answer",
        )


def _receive(demo: Demo) -> None:
    newest = InboundEvent.objects.aggregate(newest=Max("id"))["newest"] or 0
    InboundEvent.objects.bulk_create(
        InboundEvent(
            gateway="stripe_main",
            event_id=f"evt_demo_{newest + number}",
            type="payment_intent.succeeded" if number < DEAD_LETTERS else "balance.available",
            # What was worked off may be heard again, so it is of a kind that nobody waits for.
            kind=EventKind.PAYMENT if number < DEAD_LETTERS else EventKind.OTHER,
            reference=f"demo_inbound_{number}",
            occurred_at=demo.now - timedelta(minutes=number),
            body=b"{}",
            received_at=demo.now - timedelta(minutes=number),
            available_at=demo.now - timedelta(minutes=number),
            status=InboundStatus.DEAD if number < DEAD_LETTERS else InboundStatus.PROCESSED,
            attempts=12 if number < DEAD_LETTERS else 1,
            last_error="UnknownObject: nobody here made it" if number < DEAD_LETTERS else "",
            processed_at=None if number < DEAD_LETTERS else demo.now - timedelta(minutes=number),
        )
        for number in range(60)
    )
