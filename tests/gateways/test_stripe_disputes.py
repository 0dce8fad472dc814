"""Disputes through Stripe's adapter, against the simulator."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from apps.gateways.base import (
    DisputeEvidence,
    DisputeStage,
    DisputeState,
    GatewayAccount,
    PaymentRequest,
)
from apps.gateways.errors import GatewayRejected
from apps.gateways.stripe.adapter import StripeGateway
from simulator.testing import RunningSimulator

INTENT = "pi_disputed"
ADA = DisputeEvidence(
    stage=DisputeStage.CHARGEBACK, texts={"customer_name": "Ada"}, packet=b"%PDF-1.7 all of it"
)


@pytest.fixture
def gateway(simulator: RunningSimulator) -> Iterator[StripeGateway]:
    account = GatewayAccount(
        name="stripe_main", api_key="sk_test_simulator", api_base=simulator.psp_url
    )
    adapter = StripeGateway(account)
    yield adapter
    adapter.close()


def pay(gateway: StripeGateway) -> str:
    """Take EUR 10.00 and return the gateway's id of the payment."""
    request = PaymentRequest(
        attempt_id="att_disputed",
        intent_id=INTENT,
        amount=1000,
        currency="EUR",
        token="pm_card_visa",
    )
    return gateway.create_payment(request).reference


def dispute(simulator: RunningSimulator, **wish: str) -> str:
    """Let the bank dispute it."""
    opened = simulator.control("POST", "disputes", {"reference": INTENT, **wish})
    return str(opened["id"])


def test_a_dispute_tells_its_payment_its_money_and_its_deadline(
    simulator: RunningSimulator, gateway: StripeGateway
) -> None:
    payment = pay(gateway)
    reference = dispute(simulator)

    found = gateway.retrieve_dispute(reference)

    assert (found.state, found.stage) == (DisputeState.NEEDS_RESPONSE, DisputeStage.CHARGEBACK)
    assert (found.reference, found.payment_reference) == (reference, payment)
    assert (found.amount, found.currency) == (1000, "EUR")
    assert (found.reason, found.network, found.network_reason_code) == (
        "fraudulent",
        "visa",
        "10.4",
    )
    assert [(each.amount, each.fee, each.currency) for each in found.movements] == [
        (-1000, 1500, "EUR")
    ]
    assert found.due_at == found.opened_at + timedelta(days=7)
    assert found.is_charge_refundable is False


def test_an_inquiry_and_a_second_round_are_stages(
    simulator: RunningSimulator, gateway: StripeGateway
) -> None:
    pay(gateway)
    reference = dispute(simulator, stage="inquiry")
    stages = [gateway.retrieve_dispute(reference).stage]

    for action in ("escalate", "win", "appeal"):
        simulator.control("POST", f"disputes/{reference}/advance", {"action": action})
        stages.append(gateway.retrieve_dispute(reference).stage)

    assert stages == [
        DisputeStage.INQUIRY,
        DisputeStage.CHARGEBACK,
        DisputeStage.CHARGEBACK,
        DisputeStage.PRE_ARBITRATION,
    ]


def test_evidence_is_sent_once_per_key_and_refused_a_second_time(
    simulator: RunningSimulator, gateway: StripeGateway
) -> None:
    pay(gateway)
    reference = dispute(simulator)

    gateway.submit_evidence(reference, evidence=ADA, key="k1")
    sent = gateway.submit_evidence(reference, evidence=ADA, key="k1")
    with pytest.raises(GatewayRejected):
        gateway.submit_evidence(
            reference,
            evidence=replace(ADA, texts={"customer_name": "Bob"}),
            key="k2",
        )

    assert (sent.state, sent.submissions) == (DisputeState.UNDER_REVIEW, 1)
    (kept,) = simulator.control("GET", f"disputes?reference={INTENT}")["data"]
    assert (kept["submissions"], kept["evidence"]["customer_name"]) == (1, "Ada")
    assert kept["packet_sha256"] == sha256(ADA.packet).hexdigest()


def test_an_accepted_dispute_is_lost(simulator: RunningSimulator, gateway: StripeGateway) -> None:
    pay(gateway)
    reference = dispute(simulator)

    assert gateway.accept_dispute(reference, key="k1").state == DisputeState.LOST


def test_disputes_of_which_no_webhook_told_are_found_in_the_list(
    simulator: RunningSimulator, gateway: StripeGateway
) -> None:
    pay(gateway)
    reference = dispute(simulator)
    now = datetime.now(UTC)  # noqa: TID251 - the simulator has the machine's clock

    assert [d.reference for d in gateway.list_disputes(since=now - timedelta(hours=1))] == [
        reference
    ]
    assert list(gateway.list_disputes(since=now + timedelta(hours=1))) == []


def test_a_bank_that_rejects_the_answer_is_answered_with_an_appeal(
    simulator: RunningSimulator, gateway: StripeGateway
) -> None:
    pay(gateway)
    reference = dispute(simulator)
    gateway.submit_evidence(reference, evidence=ADA, key="k1")
    simulator.control("POST", f"disputes/{reference}/advance", {"action": "appeal"})

    rejected = gateway.retrieve_dispute(reference)
    appeal = replace(ADA, stage=rejected.stage, packet=b"%PDF-1.7 the appeal")
    sent = gateway.submit_evidence(reference, evidence=appeal, key="k2")

    assert (rejected.state, rejected.stage) == (
        DisputeState.NEEDS_RESPONSE,
        DisputeStage.PRE_ARBITRATION,
    )
    # The money was never given back, so none is taken again.
    assert [each.amount for each in rejected.movements] == [-1000]
    assert (sent.state, sent.submissions) == (DisputeState.UNDER_REVIEW, 1)
    (kept,) = simulator.control("GET", f"disputes?reference={INTENT}")["data"]
    assert kept["evidence"]["reason_for_filing"].startswith("The payment was authorised")
    assert kept["packet_sha256"] == sha256(appeal.packet).hexdigest()


def test_an_appeal_takes_no_other_evidence(
    simulator: RunningSimulator, gateway: StripeGateway
) -> None:
    pay(gateway)
    reference = dispute(simulator)
    for action in ("win", "appeal"):
        simulator.control("POST", f"disputes/{reference}/advance", {"action": action})

    with pytest.raises(GatewayRejected):
        gateway.submit_evidence(reference, evidence=ADA, key="k1")

    assert gateway.retrieve_dispute(reference).state == DisputeState.NEEDS_RESPONSE
