"""Stripe's own Node SDK, unmodified."""

import pytest

from tests.live.running import RunningWeb
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
