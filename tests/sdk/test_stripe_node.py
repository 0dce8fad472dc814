"""Stripe's own Node SDK, unmodified."""

from pathlib import Path
from typing import Any

import pytest
import stripe

from simulator.testing import RunningSimulator
from tests.disputes.test_files import pdf
from tests.live.running import RunningWeb
from tests.sdk.disputes import hear_of_dispute, hear_of_fraud
from tests.sdk.node_sdk import run_node

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_node_sdk_pays_refunds_pages_and_reads_errors(
    node: str, web: RunningWeb, secret_key: str
) -> None:
    assert run_node(node, "pay.mjs", web, secret_key) == {
        "created": "requires_payment_method",
        "paid": "succeeded",
        "last4": "4242",
        "refund": "succeeded",
        "declined": {"type": "StripeCardError", "code": "card_declined", "status": 402},
        "customers": 6,
        "reused": "StripeIdempotencyError",
    }


def test_node_sdk_chooses_and_runs_a_report(node: str, web: RunningWeb, secret_key: str) -> None:
    assert run_node(node, "report.mjs", web, secret_key) == {
        "isOffered": True,
        "name": "Payments by day",
        "status": "succeeded",
        "type": "csv",
        "isSame": True,
        "listed": 1,
    }


def test_node_sdk_answers_one_dispute_closes_another_and_reads_a_warning(
    node: str, web: RunningWeb, secret_key: str, simulator: RunningSimulator, tmp_path: Path
) -> None:
    client = stripe.StripeClient(secret_key, base_addresses={"api": web.url})
    wish: Any = {
        "amount": 1000,
        "currency": "eur",
        "confirm": True,
        "payment_method": "pm_card_visa",
    }
    answered, given = (client.v1.payment_intents.create(wish).id for _ in range(2))
    hear_of_fraud(simulator, given)
    for intent_id in (answered, given):
        hear_of_dispute(simulator, intent_id)
    path = tmp_path / "messages.pdf"
    path.write_bytes(pdf(2))

    assert run_node(node, "dispute.mjs", web, secret_key, answered, given, str(path)) == {
        "opened": ["needs_response", 1000, "fraudulent"],
        "file": ["pdf", "dispute_evidence", "messages.pdf"],
        "drafted": ["needs_response", True],
        "submitted": ["under_review", 1],
        "again": {"code": "evidence_already_submitted", "status": 409},
        "closed": "accepted",
        "warning": ["made_with_stolen_card", False, True],
    }
