"""The whole way with Stripe's adapter and the simulator, when no webhook tells."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.disputes.models import Dispute, Submission
from apps.disputes.services.evidence import save_evidence, submit_evidence
from apps.disputes.services.sweeps import find_missed_disputes, sweep_disputes
from apps.gateways import registry
from apps.gateways.base import GatewayAccount
from apps.gateways.stripe.adapter import StripeGateway
from simulator.testing import RunningSimulator
from tests.disputes.stories import PERSON, balances
from tests.factories.payments import SCOPE, confirmed_intent

pytestmark = pytest.mark.django_db


@pytest.fixture
def stripe(settings: Any, simulator: RunningSimulator) -> Iterator[RunningSimulator]:
    settings.GATEWAYS = {"stripe_main": {}}
    registry.reset_gateways()
    registry._gateways["stripe_main"] = StripeGateway(
        GatewayAccount(name="stripe_main", api_key="sk_test_simulator", api_base=simulator.psp_url)
    )
    yield simulator
    registry.reset_gateways()


def advance(simulator: RunningSimulator, dispute: Dispute, action: str) -> None:
    """Make the next thing happen at the bank."""
    path = f"disputes/{dispute.gateway_reference}/advance"
    simulator.control("POST", path, {"action": action})


def poll(dispute: Dispute) -> Dispute:
    """Read the dispute as the clock does when no webhook came."""
    now = timezone.now()
    Dispute.objects.filter(pk=dispute.pk).update(next_check_at=now)
    assert sweep_disputes(now=now) == 1
    return Dispute.objects.get(pk=dispute.pk)


def test_ac_083_without_any_webhook_a_dispute_is_found_answered_and_won(
    stripe: RunningSimulator,
) -> None:
    intent = confirmed_intent(amount=1000)
    before = balances()
    stripe.control("POST", "disputes", {"reference": intent.id})

    assert find_missed_disputes(now=timezone.now()) == 1
    dispute = Dispute.objects.get()
    assert (dispute.status, dispute.amount_withdrawn, dispute.amount_fees) == (
        "needs_response",
        1000,
        1500,
    )
    now = timezone.now()
    evidence = {"customer_name": "Ada"}
    save_evidence(scope=SCOPE, dispute_id=dispute.id, evidence=evidence, now=now)
    answered = submit_evidence(scope=SCOPE, dispute_id=dispute.id, origin=PERSON, now=now)
    advance(stripe, dispute, "win")
    won = poll(dispute)

    assert (answered.status, answered.submissions) == ("under_review", 1)
    assert (won.status, won.amount_withdrawn) == ("won", 0)
    assert balances()["gateway_clearing"] == before["gateway_clearing"] - 1500
    (kept,) = stripe.control("GET", f"disputes?reference={intent.id}")["data"]
    assert (kept["submissions"], kept["evidence"]["customer_name"]) == (1, "Ada")
    assert kept["packet_sha256"] == Submission.objects.get().sha256


def test_ac_092_the_banks_second_round_is_heard(stripe: RunningSimulator) -> None:
    intent = confirmed_intent(amount=1000)
    stripe.control("POST", "disputes", {"reference": intent.id})
    find_missed_disputes(now=timezone.now())
    dispute = Dispute.objects.get()
    advance(stripe, dispute, "win")
    poll(dispute)
    advance(stripe, dispute, "appeal")

    # A won dispute is looked at once a day, as long as banks come back.
    assert sweep_disputes(now=timezone.now() + timedelta(hours=23)) == 0
    assert sweep_disputes(now=timezone.now() + timedelta(days=1, minutes=1)) == 1
    again = Dispute.objects.get()

    assert (again.status, again.stage, again.round) == ("needs_response", "pre_arbitration", 2)
    assert (again.amount_withdrawn, again.amount_fees) == (1000, 3000)
