"""
One gateway account with the simulator behind it, and webhooks that come in each way they can.

As told, each twice, the newest first, or none at all: then the clock finds what happened.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.disputes.models import Dispute
from apps.disputes.services.evidence import save_evidence, submit_evidence
from apps.disputes.services.sweeps import (
    check_dispute,
    find_missed_disputes,
    find_missed_warnings,
)
from apps.gateways import registry
from apps.gateways.adyen.adapter import AdyenGateway
from apps.gateways.adyen.stored_journal import StoredJournal
from apps.gateways.base import Gateway, GatewayAccount
from apps.gateways.stripe.adapter import StripeGateway
from apps.payments.models import PaymentIntent
from apps.webhooks.inbound import drain_inbound
from simulator.testing import RunningSimulator
from tests.disputes.stories import PERSON
from tests.factories.payments import SCOPE, confirmed_intent
from tests.gateways.rigs import RIGS, Rig
from tests.gateways.webhook_receiver import Delivery, WebhookReceiver, receive_webhooks

# What Stripe takes per dispute, told with the movement; Adyen tells fees in its settlement report.
STRIPE_FEE = 1500

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

    @property
    def fee(self) -> int:
        """What a dispute costs as far as the gateway tells with the dispute."""
        return STRIPE_FEE if self.rig.tells_fees else 0

    def pay(self, **fields: Any) -> PaymentIntent:
        """Take a payment; what is told about that always arrives."""
        told: dict[str, Any] = {"amount": 1000, "token": self.rig.card, **fields}
        self.intent = confirmed_intent(**told)
        self.hear_of_the_payment()
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
        self.hear_of_the_bank()
        if self.way == "dropped":
            for dispute in Dispute.objects.all():
                check_dispute(dispute_id=dispute.id, now=timezone.now())
        return Dispute.objects.get(intent_id=self.intent.id)

    def hear_of_the_bank(self) -> None:
        """Let the webhooks come in this world's way; without any, the lists are read."""
        self._deliver(WAYS[self.way])
        if self.way == "dropped":
            find_missed_disputes(now=timezone.now())
            find_missed_warnings(now=timezone.now())

    def hear_of_the_payment(self) -> None:
        """Let everything arrive that is told about the payment and its refunds."""
        self._deliver(WAYS["as told"])

    def costs(self, *, rounds: int = 1, gateway_clearing: int, **changes: int) -> dict[str, int]:
        """Return how balances change, with this gateway's fee for each round on top."""
        fees = rounds * self.fee
        changes |= {"gateway_clearing": gateway_clearing - fees, "dispute_fees": fees}
        return {code: change for code, change in changes.items() if change}

    def warn_of_fraud(self) -> None:
        """Let the bank report the payment as a fraud."""
        path = f"payments/{self.intent.id}/advance"
        self.simulator.control("POST", path, {"action": "warn_of_fraud"})
        self.hear_of_the_bank()

    @property
    def reference(self) -> str:
        return str(self.told()["id"])

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
