"""Disputes as Stripe's SDK sees them: money that goes and comes, one answer, a decision."""

from typing import Any

import pytest
import stripe

from simulator.testing import RunningSimulator
from tests.simulator.payments import pay


def open_dispute(simulator: RunningSimulator, **wish: Any) -> str:
    """Let the bank dispute the payment of `pay`."""
    opened = simulator.control("POST", "disputes", {"reference": "pi_ours", **wish})
    return str(opened["id"])


def move_dispute(simulator: RunningSimulator, dispute_id: str, action: str, **options: Any) -> None:
    """Make the next thing happen."""
    path = f"disputes/{dispute_id}/advance"
    simulator.control("POST", path, {"action": action, **options})


def movements_of(dispute: stripe.Dispute) -> list[tuple[int, int]]:
    """Return amount and fee of each movement."""
    return [(each.amount, each.fee) for each in dispute.balance_transactions]


def test_a_dispute_takes_the_money_and_a_won_one_brings_it_back_without_the_fee(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    pay(client)
    dispute_id = open_dispute(simulator)

    opened = client.v1.disputes.retrieve(dispute_id)
    move_dispute(simulator, dispute_id, "win")
    won = client.v1.disputes.retrieve(dispute_id)

    assert (opened.status, opened.amount, opened.reason) == ("needs_response", 1000, "fraudulent")
    assert movements_of(opened) == [(-1000, 1500)]
    assert (won.status, movements_of(won)) == ("won", [(-1000, 1500), (1000, 0)])


def test_an_inquiry_moves_no_money_until_it_escalates(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    pay(client)
    dispute_id = open_dispute(simulator, stage="inquiry", reason="product_not_received")

    asked = client.v1.disputes.retrieve(dispute_id)
    move_dispute(simulator, dispute_id, "escalate")
    escalated = client.v1.disputes.retrieve(dispute_id)

    assert (asked.status, movements_of(asked)) == ("warning_needs_response", [])
    assert asked.is_charge_refundable is True
    assert (escalated.status, movements_of(escalated)) == ("needs_response", [(-1000, 1500)])


def test_evidence_is_taken_once(simulator: RunningSimulator, client: stripe.StripeClient) -> None:
    pay(client)
    dispute_id = open_dispute(simulator)

    sent = client.v1.disputes.update(
        dispute_id, {"evidence": {"customer_name": "Ada"}, "submit": True}
    )
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.disputes.update(dispute_id, {"submit": True})

    assert (sent.status, sent.evidence.customer_name) == ("under_review", "Ada")
    assert sent.evidence_details.submission_count == 1
    assert refusal.value.code == "dispute_evidence_already_submitted"


def test_a_charged_back_payment_is_not_refunded(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    intent = pay(client)
    open_dispute(simulator)

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"payment_intent": intent.id})

    assert refusal.value.code == "charge_disputed"
    assert simulator.charges("pi_ours")[0]["refunded"] == 0


def test_nobody_answering_loses_the_dispute(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    pay(client)
    dispute_id = open_dispute(simulator)

    simulator.advance_clock(8 * 24 * 3600)

    assert client.v1.disputes.retrieve(dispute_id).status == "lost"


@pytest.mark.parametrize(
    ("method", "status", "reason"),
    [
        ("pm_card_createDispute", "needs_response", "fraudulent"),
        ("pm_card_createDisputeProductNotReceived", "needs_response", "product_not_received"),
        ("pm_card_createDisputeInquiry", "warning_needs_response", "product_not_received"),
    ],
)
def test_some_test_cards_are_disputed_a_while_after_they_paid(
    simulator: RunningSimulator,
    client: stripe.StripeClient,
    method: str,
    status: str,
    reason: str,
) -> None:
    intent = pay(client, method=method)

    simulator.advance_clock(4)

    (dispute,) = client.v1.disputes.list({"payment_intent": intent.id}).data
    assert (dispute.status, dispute.reason, dispute.amount) == (status, reason, 1000)


def test_a_bank_may_warn_of_fraud(simulator: RunningSimulator, client: stripe.StripeClient) -> None:
    intent = pay(client, method="pm_card_createIssuerFraudWarning")

    simulator.advance_clock(4)
    simulator.flush_webhooks()

    events = client.v1.events.list({"type": "radar.early_fraud_warning.created"}).data
    warning_id = events[0].data.object["id"]
    warning = client.v1.radar.early_fraud_warnings.retrieve(warning_id)
    listed = client.v1.radar.early_fraud_warnings.list({"payment_intent": intent.id}).data
    assert (warning.payment_intent, warning.actionable) == (intent.id, True)
    assert [each.id for each in listed] == [warning.id]
