"""Stripe's own Python SDK, unmodified: files as evidence, and the answer to a dispute."""

from pathlib import Path
from typing import Any

import pytest
import stripe

from simulator.testing import RunningSimulator
from tests.disputes.test_files import pdf
from tests.sdk.disputes import hear_of_dispute, hear_of_fraud

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

ADA: Any = {
    "customer_account_id": "ada",
    "customer_purchase_ip": "203.0.113.7",
    "product_description": "Plan Pro",
}


def test_evidence_is_uploaded_drafted_and_submitted(
    client: stripe.StripeClient, simulator: RunningSimulator, tmp_path: Path
) -> None:
    *earlier, paid = (
        client.v1.payment_intents.create(
            {"amount": 1000, "currency": "eur", "confirm": True, "payment_method": "pm_card_visa"}
        )
        for _ in range(3)
    )
    hear_of_dispute(simulator, paid.id)

    path = tmp_path / "messages.pdf"
    path.write_bytes(pdf(2))
    with path.open("rb") as content:
        file = client.v1.files.create({"file": content, "purpose": "dispute_evidence"})
    (listed,) = client.v1.disputes.list({"payment_intent": paid.id}).data
    dispute = client.v1.disputes.retrieve(listed.id)
    compelling: Any = {
        "disputed_transaction": {**ADA, "merchandise_or_services": "services"},
        "prior_undisputed_transactions": [
            {"charge": str(each.latest_charge), **ADA} for each in earlier
        ],
    }
    drafted = client.v1.disputes.update(
        dispute.id,
        {
            "evidence": {
                "customer_name": "Ada",
                "customer_communication": file.id,
                "enhanced_evidence": {"visa_compelling_evidence_3": compelling},
            },
            "submit": False,
        },
    )
    submitted = client.v1.disputes.update(dispute.id, {"submit": True})

    assert (file.type, file.size, file.purpose) == ("pdf", path.stat().st_size, "dispute_evidence")
    assert client.v1.files.retrieve(file.id).id == file.id
    assert (dispute.status, dispute.amount, dispute.reason) == (
        "needs_response",
        1000,
        "fraudulent",
    )
    assert drafted.evidence.customer_communication == file.id
    needed, given = (
        each.evidence_details.enhanced_eligibility.visa_compelling_evidence_3
        for each in (dispute, drafted)
    )
    assert needed
    assert given
    assert "missing_prior_undisputed_transactions" in needed.required_actions
    assert (given.status, given.required_actions) == ("qualified", [])
    named = drafted.evidence.enhanced_evidence.visa_compelling_evidence_3
    assert named
    assert [each.charge for each in named.prior_undisputed_transactions] == [
        each.latest_charge for each in earlier
    ]
    assert (drafted.status, drafted.evidence_details.submission_count) == ("needs_response", 0)
    assert (submitted.status, submitted.evidence_details.submission_count) == ("under_review", 1)
    with pytest.raises(stripe.APIError) as refusal:
        client.v1.disputes.update(dispute.id, {"submit": True})
    assert refusal.value.http_status == 409
    assert "was submitted already" in str(refusal.value)


def test_a_dispute_is_closed(client: stripe.StripeClient, simulator: RunningSimulator) -> None:
    paid = client.v1.payment_intents.create(
        {"amount": 1000, "currency": "eur", "confirm": True, "payment_method": "pm_card_visa"}
    )
    hear_of_dispute(simulator, paid.id)
    (dispute,) = client.v1.disputes.list({"payment_intent": paid.id}).data

    closed = client.v1.disputes.close(dispute.id)

    assert closed.status == "accepted"


def test_a_banks_warning_is_listed_and_retrieved(
    client: stripe.StripeClient, simulator: RunningSimulator
) -> None:
    paid = client.v1.payment_intents.create(
        {"amount": 1000, "currency": "eur", "confirm": True, "payment_method": "pm_card_visa"}
    )
    hear_of_fraud(simulator, paid.id)

    (listed,) = client.v1.radar.early_fraud_warnings.list({"payment_intent": paid.id}).data
    warning = client.v1.radar.early_fraud_warnings.retrieve(listed.id)

    assert (warning.fraud_type, warning.actionable) == ("made_with_stolen_card", True)
    assert (warning.charge, warning.payment_intent) == (paid.latest_charge, paid.id)
    client.v1.refunds.create({"payment_intent": paid.id})
    assert client.v1.radar.early_fraud_warnings.retrieve(listed.id).actionable is False
