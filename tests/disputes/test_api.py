"""`/v1/disputes` as a merchant uses it."""

from typing import Any

import pytest
from django.utils import timezone

from apps.api.models import Merchant
from apps.disputes.models import Dispute, DisputeCase
from apps.payments.models import PaymentAttempt
from tests.conftest import ApiClient
from tests.disputes.stories import paid_to, tell
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db


@pytest.fixture
def dispute(gateway: FakeGateway, merchant: Merchant) -> Dispute:
    """Return a dispute of the merchant's own payment."""
    _, payment = paid_to(merchant, gateway)
    return tell(gateway.open_dispute(payment, now=timezone.now()))


def show(api: ApiClient, dispute: Dispute) -> Any:
    """Retrieve it."""
    return api.get(f"/v1/disputes/{dispute.id}").json()


def test_a_dispute_shows_in_stripes_form(api: ApiClient, dispute: Dispute) -> None:
    shown = show(api, dispute)

    assert (shown["object"], shown["status"], shown["stage"]) == (
        "dispute",
        "needs_response",
        "chargeback",
    )
    assert (shown["amount"], shown["currency"], shown["reason"]) == (1000, "eur", "fraudulent")
    assert shown["charge"] == f"ch{dispute.attempt_id.removeprefix('att')}"
    (movement,) = shown["balance_transactions"]
    assert (movement["amount"], movement["fee"], movement["net"]) == (-1000, 1500, -2500)


def test_disputes_are_listed_by_payment(api: ApiClient, dispute: Dispute) -> None:
    found = api.get("/v1/disputes", {"payment_intent": dispute.intent_id}).json()
    none = api.get("/v1/disputes", {"payment_intent": "pi_" + "0" * 26}).json()

    assert [each["id"] for each in found["data"]] == [dispute.id]
    assert none["data"] == []


def test_evidence_is_kept_then_submitted_once(
    api: ApiClient, dispute: Dispute, gateway: FakeGateway
) -> None:
    path = f"/v1/disputes/{dispute.id}"
    kept = api.post(path, {"evidence": {"customer_name": "Ada"}, "metadata": {"case": "7"}}).json()
    sent = api.post(path, {"submit": True})
    again = api.post(path, {"submit": True})

    assert (kept["status"], kept["evidence"]) == ("needs_response", {"customer_name": "Ada"})
    assert kept["metadata"] == {"case": "7"}
    assert (sent.status_code, sent.json()["status"]) == (200, "under_review")
    assert sent.json()["evidence_details"]["submission_count"] == 1
    assert (again.status_code, again.json()["error"]["code"]) == (
        409,
        "evidence_already_submitted",
    )
    assert gateway.count("submit_evidence") == 1


def test_ac_089_earlier_payments_are_named_as_at_stripe(
    api: ApiClient, merchant: Merchant, dispute: Dispute, gateway: FakeGateway
) -> None:
    path = f"/v1/disputes/{dispute.id}"
    known = {"customer_purchase_ip": "203.0.113.7", "customer_account_id": "ada"}
    known["product_description"] = "Plan Pro"
    paid = [paid_to(merchant, gateway) for _ in range(2)]
    charges = [PaymentAttempt.objects.get(intent=intent).charge_id for intent, _ in paid]
    compelling = {
        "disputed_transaction": {**known, "merchandise_or_services": "services"},
        "prior_undisputed_transactions": [{"charge": charge, **known} for charge in charges],
    }
    evidence = {"enhanced_evidence": {"visa_compelling_evidence_3": compelling}}

    before = api.get(path).json()
    kept = api.post(path, {"evidence": evidence}).json()
    api.post(path, {"submit": True})

    assert before["enhanced_eligibility_types"] == ["visa_compelling_evidence_3"]
    told = [each["evidence_details"]["enhanced_eligibility"] for each in (before, kept)]
    eligibility = [each["visa_compelling_evidence_3"] for each in told]
    assert "missing_prior_undisputed_transactions" in eligibility[0]["required_actions"]
    assert eligibility[1] == {"required_actions": [], "status": "qualified"}
    assert kept["evidence"] == evidence
    sent = gateway.compelling[dispute.gateway_reference]["prior_undisputed_transactions"]
    assert [each["charge"] for each in sent] == [result.charge_reference for _, result in paid]


def test_an_earlier_payment_of_nobody_is_refused(api: ApiClient, dispute: Dispute) -> None:
    charge = "ch_" + "0" * 26
    earlier = {"prior_undisputed_transactions": [{"charge": charge}]}
    evidence = {"enhanced_evidence": {"visa_compelling_evidence_3": earlier}}

    answer = api.post(f"/v1/disputes/{dispute.id}", {"evidence": evidence})

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing")
    assert not DisputeCase.objects.exists()


def test_unknown_evidence_is_named(api: ApiClient, dispute: Dispute) -> None:
    answer = api.post(f"/v1/disputes/{dispute.id}", {"evidence": {"colour": "red"}})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "evidence[colour]"


def test_closing_accepts_the_dispute(api: ApiClient, dispute: Dispute) -> None:
    closed = api.post(f"/v1/disputes/{dispute.id}/close")
    again = api.post(f"/v1/disputes/{dispute.id}/close")

    assert (closed.status_code, closed.json()["status"]) == (200, "accepted")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "dispute_closed")


def test_disputes_of_others_are_not_found(
    api: ApiClient, dispute: Dispute, merchant: Merchant
) -> None:
    answer = api.get("/v1/disputes/dp_" + "0" * 26)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing")


def test_ac_086_a_refund_of_a_disputed_charge_is_refused(api: ApiClient, dispute: Dispute) -> None:
    answer = api.post("/v1/refunds", {"payment_intent": dispute.intent_id})

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "charge_disputed")


def test_a_disputed_charge_says_so(api: ApiClient, dispute: Dispute) -> None:
    charge = f"ch{dispute.attempt_id.removeprefix('att')}"

    assert api.get(f"/v1/charges/{charge}").json()["disputed"] is True
    assert [each["disputed"] for each in api.get("/v1/charges").json()["data"]] == [True]
    intent = api.get(f"/v1/payment_intents/{dispute.intent_id}?expand[]=latest_charge").json()
    assert intent["latest_charge"]["disputed"] is True
