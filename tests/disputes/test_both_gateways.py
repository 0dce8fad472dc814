"""
AC-83 to AC-92 with each gateway's adapter against the simulator, however its webhooks come.

As told, each twice, the newest first, or none at all: then the clock finds what happened.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.disputes.models import Dispute, FraudReport, Submission
from apps.disputes.services.endings import accept_dispute
from apps.disputes.services.evidence import save_evidence, submit_evidence
from apps.disputes.services.sweeps import check_dispute, find_missed_disputes
from apps.gateways import registry
from apps.gateways.adyen.adapter import AdyenGateway
from apps.gateways.adyen.stored_journal import StoredJournal
from apps.gateways.base import Gateway, GatewayAccount
from apps.gateways.stripe.adapter import StripeGateway
from apps.payments.errors import ChargeDisputed
from apps.payments.models import PaymentIntent, Refund
from apps.payments.services.refunds import request_refund, run_refund
from apps.webhooks.inbound import drain_inbound
from simulator.testing import RunningSimulator
from tests.disputes.stories import PERSON, balances
from tests.factories.payments import SCOPE, confirmed_intent
from tests.gateways.rigs import RIGS, Rig
from tests.gateways.webhook_receiver import Delivery, WebhookReceiver, receive_webhooks

pytestmark = pytest.mark.django_db

WAYS: dict[str, Callable[[list[Delivery]], list[Delivery]]] = {
    "as told": lambda told: told,
    "duplicated": lambda told: [each for each in told for _ in range(2)],
    "reordered": lambda told: told[::-1],
    "dropped": lambda _told: [],
}


@dataclass
class World:
    """One gateway account, the simulator behind it, and what became of its webhooks."""

    rig: Rig
    gateway: Gateway
    simulator: RunningSimulator
    receiver: WebhookReceiver
    way: str
    heard: int = 0
    intent: PaymentIntent = field(init=False)

    @property
    def name(self) -> str:
        return f"{self.rig.psp}_main"

    def pay(self, **fields: Any) -> PaymentIntent:
        """Take a payment; what is told about that always arrives."""
        self.intent = confirmed_intent(amount=1000, token=self.rig.card, **fields)
        self._deliver(WAYS["as told"])
        self.intent.refresh_from_db()
        assert self.intent.status == "succeeded"
        return self.intent

    def dispute(self, **wish: str) -> Dispute:
        """Let the bank complain."""
        self.simulator.control("POST", "disputes", {"reference": self.intent.id, **wish})
        return self.hear()

    def advance(self, *actions: str) -> Dispute:
        """Let the bank go on, and hear of all of it at once."""
        for action in actions:
            path = f"disputes/{self.reference}/advance"
            self.simulator.control("POST", path, {"action": action})
        return self.hear()

    def hear(self) -> Dispute:
        """Let the webhooks come in this world's way, and the clock do its part."""
        self._deliver(WAYS[self.way])
        if self.way == "dropped":
            now = timezone.now()
            find_missed_disputes(now=now)
            for dispute in Dispute.objects.all():
                check_dispute(dispute_id=dispute.id, now=now)
        return Dispute.objects.get()

    @property
    def reference(self) -> str:
        (shown,) = self.simulator.control("GET", f"disputes?reference={self.intent.id}")["data"]
        return str(shown["id"])

    def told(self) -> Any:
        """Return the dispute as the bank sees it."""
        (shown,) = self.simulator.control("GET", f"disputes?reference={self.intent.id}")["data"]
        return shown

    def _deliver(self, way: Callable[[list[Delivery]], list[Delivery]]) -> None:
        self.simulator.control("POST", "webhooks/flush")
        told = self.receiver.deliveries[self.heard :]
        self.heard = len(self.receiver.deliveries)
        for delivery in way(told):
            answer = Client().post(
                f"/webhooks/{self.rig.psp}/{self.name}",
                delivery.body,
                content_type="application/json",
                headers={n: v for n, v in delivery.headers.items() if n == "stripe-signature"},
            )
            assert answer.status_code == 200, answer.content
            drain_inbound(now=timezone.now())


@pytest.fixture(params=[(rig, way) for rig in RIGS for way in WAYS],
                ids=lambda pair: f"{pair[0].psp}-{pair[1]}")  # fmt: skip
def world(request: Any, settings: Any, simulator: RunningSimulator) -> Iterator[World]:
    rig, way = request.param
    name = f"{rig.psp}_main"
    account = GatewayAccount(
        name=name,
        api_key=rig.api_key,
        api_base=simulator.psp_url,
        merchant_account=rig.merchant_account,
        webhook_secrets=(rig.webhook_secret,),
    )
    gateway: Gateway = (
        StripeGateway(account)
        if rig.psp == "stripe"
        else AdyenGateway(account, journal=StoredJournal(name), clock=timezone.now)
    )
    settings.GATEWAYS = {name: {"kind": rig.psp}}
    registry.reset_gateways()
    registry._gateways[name] = gateway
    with receive_webhooks() as receiver:
        simulator.control(
            "POST",
            "webhooks",
            {"psp": rig.psp, "url": receiver.url, "secret": rig.webhook_secret},
        )
        yield World(rig, gateway, simulator, receiver, way)
    registry.reset_gateways()


def answer(dispute: Dispute) -> Dispute:
    """Send evidence."""
    now = timezone.now()
    draft = {"customer_name": "Ada"}
    save_evidence(scope=SCOPE, dispute_id=dispute.id, evidence=draft, now=now)
    return submit_evidence(scope=SCOPE, dispute_id=dispute.id, origin=PERSON, now=now)


def test_ac_083_a_chargeback_is_answered_and_won(world: World) -> None:
    world.pay()
    before = balances()

    opened = world.dispute()
    assert (opened.status, opened.amount_withdrawn) == ("needs_response", 1000)
    assert balances()["dispute_withheld"] == 1000
    answered = answer(opened)
    won = world.advance("win")

    assert (answered.status, answered.submissions) == ("under_review", 1)
    assert (won.status, won.amount_withdrawn, won.amount_lost) == ("won", 0, 0)
    assert won.funds.count() == 2
    fee = 1500 if world.rig.tells_fees else 0
    assert balances()["gateway_clearing"] == before["gateway_clearing"] - fee
    assert "dispute_withheld" not in balances()
    assert world.told()["packet_sha256"] == Submission.objects.get().sha256


def test_ac_083_a_chargeback_is_answered_and_lost(world: World) -> None:
    world.pay()
    answer(world.dispute())

    lost = world.advance("lose")

    assert (lost.status, lost.amount_withdrawn, lost.amount_lost) == ("lost", 1000, 1000)
    assert balances()["dispute_losses"] == 1000


def test_ac_083_a_chargeback_is_accepted(world: World) -> None:
    world.pay()
    opened = world.dispute()

    accept_dispute(scope=SCOPE, dispute_id=opened.id, origin=PERSON, now=timezone.now())
    accepted = world.hear()

    assert (accepted.status, accepted.amount_lost) == ("accepted", 1000)


def test_ac_084_an_inquiry_moves_no_money_and_closes_without_loss(world: World) -> None:
    world.pay()
    before = balances()

    asked = world.dispute(stage="inquiry")
    closed = world.advance("close")

    assert (asked.status, asked.stage) == ("warning_needs_response", "inquiry")
    assert (closed.status, closed.amount_lost) == ("warning_closed", 0)
    assert balances() == before


def test_ac_084_an_inquiry_may_become_a_chargeback(world: World) -> None:
    world.pay()
    world.dispute(stage="inquiry")

    escalated = world.advance("escalate")

    assert (escalated.status, escalated.stage) == ("needs_response", "chargeback")
    assert escalated.amount_withdrawn == 1000


def test_ac_085_more_may_be_taken_than_was_paid(world: World) -> None:
    world.pay()
    answer(world.dispute(amount="1025"))

    lost = world.advance("lose")

    assert (lost.amount, lost.amount_lost) == (1025, 1025)
    assert (balances()["dispute_losses"], balances()["fx_gain_loss"]) == (1000, -25)


def test_ac_086_a_charged_back_payment_is_not_refunded(world: World) -> None:
    intent = world.pay()
    world.dispute()

    with pytest.raises(ChargeDisputed):
        request_refund(
            scope=SCOPE, intent_id=intent.id, amount=None, origin=PERSON, now=timezone.now()
        )

    assert not Refund.objects.exists()


def test_ac_086_a_payment_of_which_the_bank_only_asks_may_be_refunded(world: World) -> None:
    intent = world.pay()
    world.dispute(stage="inquiry")

    asked = request_refund(
        scope=SCOPE, intent_id=intent.id, amount=None, origin=PERSON, now=timezone.now()
    )
    run_refund(refund_id=asked.id, now=timezone.now())

    (charge,) = world.simulator.control("GET", f"charges?reference={intent.id}")["data"]
    assert charge["refunded"] == 1000


def test_ac_087_past_its_deadline_a_dispute_expires(world: World) -> None:
    world.pay()
    opened = world.dispute()
    assert opened.due_at is not None

    check_dispute(dispute_id=opened.id, now=opened.due_at + timedelta(minutes=6))
    world.simulator.control("POST", "clock", {"advance": 8 * 86_400})
    expired = world.hear()

    assert (expired.status, expired.amount_lost) == ("expired", 1000)


def test_ac_088_a_prevented_dispute_stays_so_when_it_is_reported_lost(world: World) -> None:
    world.pay()
    world.dispute(stage="inquiry")

    prevented = world.advance("prevent")
    assert (prevented.status, prevented.amount_lost) == ("prevented", 1000)
    reported = world.advance("report_lost")

    assert (reported.status, reported.amount_lost) == ("prevented", 1000)
    assert reported.funds.filter(kind="lost").count() == 1


def test_ac_092_a_bank_that_comes_back_opens_a_second_round(world: World) -> None:
    world.pay()
    answer(world.dispute())
    first = world.advance("win")

    again = world.advance("appeal")

    assert first.status == "won"
    assert (again.status, again.stage, again.round) == ("needs_response", "pre_arbitration", 2)
    assert (again.amount_withdrawn, again.submitted_at) == (1000, None)
    assert again.due_at is not None
    answer(again)
    assert world.advance("win").status == "won"
    assert Submission.objects.count() == 2


def test_a_banks_warning_of_fraud_is_kept_once(world: World) -> None:
    intent = world.pay()
    path = f"payments/{intent.id}/advance"
    world.simulator.control("POST", path, {"action": "warn_of_fraud"})

    world._deliver(WAYS[world.way])

    kept = 0 if world.way == "dropped" else 1
    assert FraudReport.objects.filter(intent_id=intent.id).count() == kept
