"""Schemathesis against the running server: odd requests, and chains of requests."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ApiClient
from tests.live.conftest import simulator, web
from tests.live.running import RunningWeb

__all__ = ["simulator", "web"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# More examples find more; these find what a day's work may break.
MAX_EXAMPLES = 4
MAX_SECONDS = 40
SEED = 20_261_101
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


def objects_of_a_shop(api: ApiClient) -> dict[str, str]:
    """Make an object of each kind that others hang on; return the parameters of paths."""
    customer = api.post("/v1/customers", {"email": "a@example.com"}).json()["id"]
    card = {"type": "card", "card": {"token": "tok_visa"}}
    method = api.post("/v1/payment_methods", card).json()["id"]
    api.post(f"/v1/payment_methods/{method}/attach", {"customer": customer})
    paid = api.post(
        "/v1/payment_intents",
        {
            "amount": 5000,
            "currency": "eur",
            "customer": customer,
            "payment_method": method,
            "confirm": True,
        },
    ).json()
    waiting = api.post("/v1/payment_intents", {"amount": 5000, "currency": "eur"}).json()
    refund = api.post("/v1/refunds", {"payment_intent": paid["id"], "amount": 100}).json()
    event = api.get("/v1/events").json()["data"][0]
    return {
        "customer_id": customer,
        "method_id": method,
        "intent_id": waiting["id"],
        "charge_id": paid["latest_charge"],
        "refund_id": refund["id"],
        "event_id": event["id"],
        **objects_of_sellers(api),
        **objects_of_billing(api, customer=customer, method=method),
        **objects_of_risk(api),
    }


def objects_of_sellers(api: ApiClient) -> dict[str, str]:
    """Make a seller with a transfer and an order."""
    seller = api.post("/v1/accounts", {"email": "s@example.com", "default_currency": "eur"})
    account = seller.json()["id"]
    wish = {"amount": 5000, "currency": "eur", "destination": account}
    order = {"payment_order_id": "order-1", "seller_account": account, "amount": "12.34"}
    checkout = {
        "checkout_id": "checkout-1",
        "credit_card_info": {"token": "tok_visa"},
        "payment_orders": [{**order, "currency": "EUR"}],
    }
    api.post("/v1/payments", checkout)
    return {
        "account_id": account,
        "transfer_id": api.post("/v1/transfers", wish).json()["id"],
        "payment_order_id": "order-1",
    }


def objects_of_billing(api: ApiClient, *, customer: str, method: str) -> dict[str, str]:
    """Make a subscription with all that it needs."""
    product = api.post("/v1/products", {"name": "Plan"}).json()["id"]
    monthly = {"currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"}}
    price = api.post("/v1/prices", {"product": product, **monthly}).json()["id"]
    wish = {"customer": customer, "items": [{"price": price}], "default_payment_method": method}
    subscription = api.post("/v1/subscriptions", wish).json()
    policy = api.post("/v1/dunning_policies", {"name": "Short", "retry_days": [1, 3]})
    clock = api.post("/v1/test_helpers/test_clocks", {"frozen_time": 1_900_000_000})
    coupon = api.post("/v1/coupons", {"percent_off": 10, "duration": "once"})
    return {
        "product_id": product,
        "price_id": price,
        "subscription_id": subscription["id"],
        "invoice_id": subscription["latest_invoice"],
        "policy_id": policy.json()["id"],
        "clock_id": clock.json()["id"],
        "code": coupon.json()["id"],
    }


def objects_of_risk(api: ApiClient) -> dict[str, str]:
    """Make a rule and a list."""
    rule = {"name": "Too much", "action": "block", "expression": "amount > 900000"}
    known = api.post("/v1/radar/value_lists", {"alias": "suspects", "name": "Suspects"})
    return {
        "rule_id": api.post("/v1/radar/rules", rule).json()["id"],
        "list_id": known.json()["id"],
    }


def write_config(folder: Path, ids: dict[str, str]) -> None:
    """Let paths name real objects, and requests expand nothing, so that most are understood."""
    lines = [f'"path.{name}" = "{value}"' for name, value in ids.items()]
    text = "\n".join(["[parameters]", '"query.expand[]" = []', *lines, ""])
    (folder / "schemathesis.toml").write_text(text)


def run_schemathesis(web: RunningWeb, secret_key: str, folder: Path) -> tuple[int, str]:
    """Return the exit code and the report of one run."""
    finished = subprocess.run(
        [
            sys.executable, "-W", "ignore", "-m", "schemathesis.cli", "run",
            f"{web.url}/v1/openapi.json",
            "--header", f"Authorization: Bearer {secret_key}",
            "--include-path-regex", "^/v1/",
            "--phases", "coverage,fuzzing,stateful",
            "--mode", "all",
            "--checks", ",".join(CHECKS),
            "--max-examples", str(MAX_EXAMPLES),
            "--max-time", str(MAX_SECONDS),
            "--seed", str(SEED),
            "--generation-database", "none",
            "--no-color",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=MAX_SECONDS * 4,
        check=False,
    )  # fmt: skip
    return finished.returncode, finished.stdout + finished.stderr


def test_odd_requests_and_chains_of_them_find_no_fault(
    web: RunningWeb, api: ApiClient, tmp_path: Path
) -> None:
    write_config(tmp_path, objects_of_a_shop(api))

    code, report = run_schemathesis(web, api.secret_key, tmp_path)

    assert code == 0, report
