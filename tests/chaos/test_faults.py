"""
Every fault a gateway can have, at either gateway: at most one kept charge per payment.

The witness is the simulator's own books. The fault strikes the first gateway of two; afterwards
it heals, all webhooks arrive and the sweeper has looked often enough.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.gateways.calls import reset_circuits
from apps.ledger.models import Posting
from apps.outbox.models import Event
from apps.payments.models import PaymentIntent
from apps.payments.services.intents import Confirmation, confirm_intent
from apps.payments.services.sweeps import sweep_attempts, sweep_refunds
from apps.webhooks.inbound import drain_inbound
from simulator.testing import RunningSimulator
from tests.factories.payments import SCOPE, TESTER, confirmed_intent
from tests.gateways.webhook_receiver import WebhookReceiver, receive_webhooks
from tests.live.environment import ADYEN_SECRET, WEBHOOK_SECRET, use_both_gateways

pytestmark = pytest.mark.django_db(transaction=True)

AMOUNT = 1050
# A client has its answer within this; see ruling C1.
ANSWER_SECONDS = 5.0
# Later than any look-up that a lost outcome needs, at the schedule's own times.
LOOKS = [timedelta(seconds=s) for s in (3, 8, 20, 60, 180, 600, 1200, 2400)]

Verdict = tuple[str, str]
SAME, OTHER = ("succeeded", "same"), ("succeeded", "other")


@dataclass
class World:
    """Both gateways, the faulty one first, and the webhooks on their way to us."""

    simulator: RunningSimulator
    receiver: WebhookReceiver
    first: str
    heard: int = 0

    @property
    def second(self) -> str:
        return "adyen" if self.first == "stripe" else "stripe"

    def fault(self, kind: str, **wish: Any) -> None:
        self.simulator.fault(kind, psp=self.first, **wish)

    def hear(self, now: datetime) -> None:
        """Take the webhooks that came, through the front door."""
        self.simulator.flush_webhooks()
        for each in self.receiver.deliveries[self.heard :]:
            kind = "stripe" if "stripe-signature" in each.headers else "adyen"
            Client().post(
                f"/webhooks/{kind}/{kind}_main",
                each.body,
                content_type="application/json",
                headers=dict(each.headers),
            )
            self.heard += 1
        drain_inbound(now=now)

    def settle(
        self, intent: PaymentIntent, *, hears: bool = True, after: timedelta = timedelta()
    ) -> PaymentIntent:
        """Heal everything and let the sweeper look, until nothing is open any more."""
        begun = timezone.now() + after
        self.simulator.heal()
        for wait in LOOKS:
            if hears:
                self.hear(begun + wait)
            sweep_attempts(now=begun + wait)
            sweep_refunds(now=begun + wait)
        return PaymentIntent.objects.get(pk=intent.id)

    def kept(self, intent: PaymentIntent) -> list[tuple[str, int]]:
        """Return the gateway and amount of each charge that the books keep."""
        return [
            (charge["psp"], charge["amount"] - charge["refunded"])
            for charge in self.simulator.charges(intent.id)
            if charge["captured"] and charge["amount"] > charge["refunded"]
        ]

    def dangling(self, intent: PaymentIntent) -> list[str]:
        """Return the gateways that still hold money for the payment."""
        return [
            charge["psp"]
            for charge in self.simulator.charges(intent.id)
            if charge["status"] == "authorized"
        ]


@pytest.fixture(params=["stripe", "adyen"])
def world(
    request: pytest.FixtureRequest, running_simulator: RunningSimulator, settings: Any
) -> Iterator[World]:
    running_simulator.reset()
    use_both_gateways(settings, running_simulator, first=request.param)
    with receive_webhooks() as receiver:
        for psp, secret in (("stripe", WEBHOOK_SECRET), ("adyen", ADYEN_SECRET)):
            running_simulator.send_webhooks_to(receiver.url, secret, psp=psp)
        yield World(running_simulator, receiver, request.param)
        running_simulator.reset()


def pay(**fields: Any) -> tuple[PaymentIntent, float]:
    begun = timezone.now()
    intent = confirmed_intent(amount=AMOUNT, token="tok_visa", **fields)
    return intent, (timezone.now() - begun).total_seconds()


def booked(intent: PaymentIntent) -> int:
    """Return the sum of all postings; what is balanced sums to nothing."""
    return sum(Posting.objects.values_list("amount", flat=True))


@pytest.mark.parametrize(
    ("kind", "wish", "verdict"),
    [
        ("refuse", {}, OTHER),
        ("http_429", {}, OTHER),
        ("http_500", {}, SAME),
        ("http_500", {"count": 1}, SAME),
        ("http_500_after", {"count": 1}, SAME),
        ("timeout_before", {"count": 1, "ms": 900}, SAME),
        ("timeout_before", {"ms": 900}, SAME),
        ("timeout_after", {"count": 1, "ms": 900}, SAME),
        ("timeout_after", {"ms": 900}, SAME),
        ("latency", {"ms": 200}, SAME),
        ("early_webhook", {}, SAME),
        ("duplicate_webhook", {}, SAME),
        ("reorder_webhooks", {}, SAME),
        ("drop_webhook", {}, SAME),
        ("bad_signature", {"count": 1}, SAME),
    ],
)
def test_one_kept_charge_whatever_breaks(
    world: World, kind: str, wish: dict[str, Any], verdict: Verdict
) -> None:
    world.fault(kind, **wish)

    intent, seconds = pay()
    settled = world.settle(intent)

    status, place = verdict
    keeper = world.first if place == "same" else world.second
    assert seconds < ANSWER_SECONDS
    assert world.kept(intent) == [(keeper, AMOUNT)]
    assert world.dangling(intent) == []
    assert (settled.status, settled.amount_received) == (status, AMOUNT)
    assert booked(settled) == 0


@pytest.mark.parametrize(
    ("kind", "wish", "left_as"),
    [
        # A connection that was open before is reset, and then nobody knows whether it arrived.
        ("refuse", {}, {"failed", "processing"}),
        ("http_429", {}, {"failed"}),
        ("http_500", {}, {"processing"}),
        ("timeout_before", {"ms": 900}, {"processing"}),
        ("timeout_after", {"ms": 900}, {"processing"}),
    ],
)
def test_with_both_gateways_away_a_payment_waits_or_fails_and_is_charged_once_later(
    world: World, kind: str, wish: dict[str, Any], left_as: set[str]
) -> None:
    for psp in (world.first, world.second):
        world.simulator.fault(kind, psp=psp, **wish)

    intent, seconds = pay()
    assert seconds < ANSWER_SECONDS
    assert intent.status in left_as
    settled = world.settle(intent)

    if settled.status == "failed":
        assert world.kept(intent) == []
        assert (settled.last_payment_error or {})["retryable"] is True
        reset_circuits()
        settled = confirm_intent(
            scope=SCOPE,
            intent_id=intent.id,
            confirmation=Confirmation(payment_method="tok_visa"),
            origin=TESTER,
            now=timezone.now(),
        )
    assert settled.status == "succeeded"
    assert [amount for _, amount in world.kept(intent)] == [AMOUNT]
    assert world.dangling(intent) == []
    assert booked(settled) == 0


def test_another_amount_than_asked_for_waits_for_a_person(world: World) -> None:
    world.fault("wrong_amount", count=1)

    intent, _ = pay()

    settled = world.settle(intent)
    assert settled.status == "conflicted"
    assert world.kept(intent) == [(world.first, AMOUNT + 1)]


def test_ac_014_a_refusing_gateway_is_left_for_the_other_within_five_seconds(
    world: World,
) -> None:
    world.fault("refuse")

    intent, seconds = pay()

    attempts = list(intent.attempts.order_by("number"))
    assert seconds < ANSWER_SECONDS
    assert intent.status == "succeeded"
    assert [(each.gateway, str(each.status), each.error_class) for each in attempts] == [
        (f"{world.first}_main", "failed", "not_sent"),
        (f"{world.second}_main", "captured", ""),
    ]
    assert attempts[0].routing[-1] == {
        "step": "route",
        "route": [f"{world.first}_main", f"{world.second}_main"],
    }
    assert attempts[1].routing[0]["step"] == "failover"
    told = Event.objects.get(type="routing.failover")
    assert told.object["from_gateway"] == f"{world.first}_main"
    world.simulator.heal()
    assert world.kept(intent) == [(world.second, AMOUNT)]


def test_a_hanging_gateway_is_left_alone_after_five_payments(world: World) -> None:
    world.fault("timeout_before", ms=900)
    for _ in range(3):
        pay()

    intent, seconds = pay()

    assert intent.status == "succeeded"
    assert seconds < 0.5
    assert [each.gateway for each in intent.attempts.order_by("number")] == [
        f"{world.first}_main",
        f"{world.second}_main",
    ]
    assert world.kept(intent) == [(world.second, AMOUNT)]


@pytest.mark.parametrize(
    ("kind", "left_as"),
    [
        ("timeout_after", "refunded"),
        ("timeout_before", "absent"),
        ("http_500_after", "refunded"),
    ],
)
def test_ac_014_an_unknown_outcome_goes_on_elsewhere_and_one_charge_is_kept(
    world: World, settings: Any, kind: str, left_as: str
) -> None:
    settings.FAILOVER_UNKNOWN = True
    world.fault(kind, ms=900)

    intent, seconds = pay()

    assert seconds < ANSWER_SECONDS
    assert intent.status == "processing"
    first, second = intent.attempts.order_by("number")
    assert (str(first.status), str(second.status)) == ("unknown", "authorized")
    assert world.dangling(intent) == [world.second]

    settled = world.settle(intent)

    first, second = intent.attempts.order_by("number")
    assert (settled.status, settled.amount_received) == ("succeeded", AMOUNT)
    assert world.kept(intent) == [(world.second, AMOUNT)]
    assert world.dangling(intent) == []
    assert (str(second.status), second.kept) == ("captured", True)
    assert str(first.status) == ("captured" if left_as == "refunded" else "voided")
    assert [refund.compensates for refund in settled.refunds.all()] == [True] * (
        left_as == "refunded"
    )
    assert booked(settled) == 0


def test_the_second_capture_waits_until_the_first_gateway_was_heard(
    world: World, settings: Any
) -> None:
    settings.FAILOVER_UNKNOWN = True
    world.fault("timeout_after", ms=900)
    intent, _ = pay()

    # No webhook comes through, however often the sweeper looks.
    world.settle(intent, hears=False)

    assert len(world.kept(intent)) == 1

    # By then the looks have become rare.
    settled = world.settle(intent, after=timedelta(days=1))
    assert settled.status == "succeeded"
    assert world.kept(intent) == [(world.second, AMOUNT)]
    assert booked(settled) == 0


def test_a_payment_whose_webhooks_and_answer_are_lost_is_not_charged_again(world: World) -> None:
    world.fault("timeout_after", count=1, ms=900)
    world.fault("drop_webhook")

    intent, _ = pay()
    settled = world.settle(intent)

    assert world.kept(intent) == [(world.first, AMOUNT)]
    assert settled.status == "succeeded"
