"""A payment's webhooks, delivered in every order and twice, end in one state."""

import itertools
import json
import random
import time
from typing import Any

import httpx
import pytest
import stripe
from django.test import Client
from django.utils import timezone

from apps.ledger.models import JournalEntry
from apps.outbox.history import find_differences
from apps.outbox.models import Event
from apps.payments.models import PaymentIntent
from apps.payments.services.refunds import request_refund, run_refund
from apps.webhooks.inbound import drain_inbound
from apps.webhooks.models import InboundEvent
from simulator.testing import RunningSimulator
from tests.factories.payments import SCOPE, TESTER, confirmed_intent
from tests.live.environment import API_KEY, WEBHOOK_SECRET

pytestmark = pytest.mark.django_db

ADDRESS = "/webhooks/stripe/stripe_main"
# Of more events than this not every order is tried, but this many random ones.
MOST_EVENTS = 4
RANDOM_ORDERS = 24


def deliver(event: dict[str, Any]) -> None:
    body = json.dumps(event)
    stamp = int(time.time())
    signed = f"{stamp}.{body}"
    signature = stripe.WebhookSignature._compute_signature(signed, WEBHOOK_SECRET)
    answer = Client().post(
        ADDRESS,
        body,
        content_type="application/json",
        headers={"Stripe-Signature": f"t={stamp},v1={signature}"},
    )
    assert answer.status_code == 200, answer.content


def orders(events: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    if len(events) <= MOST_EVENTS:
        return [list(order) for order in itertools.permutations(events)]
    shuffled = []
    for seed in range(RANDOM_ORDERS):
        order = list(events)
        random.Random(seed).shuffle(order)  # noqa: S311 - no secret
        shuffled.append(order)
    return shuffled


def events_of(simulator: RunningSimulator, intent: PaymentIntent) -> list[dict[str, Any]]:
    """Return what the gateway has to tell about the intent's payment, oldest first."""
    reference = intent.attempts.get().gateway_reference
    answer = httpx.get(
        f"{simulator.psp_url}/v1/events",
        params={"limit": 100},
        headers={"Authorization": f"Bearer {API_KEY}"},
        trust_env=False,
    )
    events: list[dict[str, Any]] = answer.json()["data"]
    told = [event for event in reversed(events) if reference in json.dumps(event)]
    assert len(told) > 1
    return told


def state_of(intent: PaymentIntent) -> dict[str, Any]:
    stored = PaymentIntent.objects.get(pk=intent.id)
    sources = [a.id for a in stored.attempts.all()] + [r.id for r in stored.refunds.all()]
    entries = JournalEntry.objects.filter(source_id__in=sources).values_list("kind", flat=True)
    return {
        "status": str(stored.status),
        "received": stored.amount_received,
        "refunded": stored.amount_refunded,
        "entries": sorted(entries),
        "refunds": sorted(str(r.status) for r in stored.refunds.all()),
        "succeeded": Event.objects.filter(
            object_id=stored.id, type="payment_intent.succeeded"
        ).count(),
    }


def test_ac_072_challenge_then_success_in_every_order_and_twice(
    simulator: RunningSimulator,
) -> None:
    for place in range(24):
        intent = confirmed_intent(
            token="tok_threeDSecure2Required", return_url="https://shop.example/back"
        )
        assert intent.status == "requires_action"
        simulator.advance(intent.attempts.get().gateway_reference, "approve")
        events = events_of(simulator, intent)
        chosen = orders(events)
        for event in chosen[place % len(chosen)]:
            deliver(event)
            drain_inbound(now=timezone.now())
            deliver(event)
        drain_inbound(now=timezone.now())

        assert state_of(intent) == {
            "status": "succeeded",
            "received": 1000,
            "refunded": 0,
            "entries": ["captured"],
            "refunds": [],
            "succeeded": 1,
        }
    assert not InboundEvent.objects.exclude(status="processed").exists()
    assert list(find_differences()) == []


def test_ac_072_refund_before_its_charge_changes_nothing(simulator: RunningSimulator) -> None:
    for seed in range(RANDOM_ORDERS):
        intent = confirmed_intent()
        refund = request_refund(
            scope=SCOPE, intent_id=intent.id, amount=400, origin=TESTER, now=timezone.now()
        )
        run_refund(refund_id=refund.id, origin=TESTER, now=timezone.now())
        events = events_of(simulator, intent)
        random.Random(seed).shuffle(events)  # noqa: S311 - no secret
        for event in [*events, *events]:
            deliver(event)
        drain_inbound(now=timezone.now())

        assert state_of(intent) == {
            "status": "succeeded",
            "received": 1000,
            "refunded": 400,
            "entries": ["captured", "refunded"],
            "refunds": ["succeeded"],
            "succeeded": 1,
        }
    assert list(find_differences()) == []
