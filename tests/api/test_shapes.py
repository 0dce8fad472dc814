"""What the document says about answers is what the API answers."""

import json
from functools import cache
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # no types
import pytest
from django.test import Client

from simulator.testing import RunningSimulator
from tests.conftest import ApiClient
from tests.live.conftest import simulator

__all__ = ["simulator"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PAY = {"amount": 1050, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}


@cache
def document() -> Any:
    return json.loads(Client().get("/v1/openapi.json").content)


def check(answer: Any, path: str, method: str = "get") -> Any:
    """Compare an answer with the schema of its operation, and for names it does not know."""
    body = answer.json()
    assert answer.status_code == 200, body
    responses = document()["paths"][path][method]["responses"]
    schema = responses["200"]["content"]["application/json"]["schema"]
    name = schema["$ref"].rsplit("/", 1)[1]
    components = document()["components"]
    jsonschema.validate(body, {**schema, "components": components})
    known = components["schemas"][name]["properties"]
    assert set(body) <= set(known), f"{name} has more than its shape says"
    for entry in body["data"] if body["object"] == "list" else []:
        shape = known["data"]["items"]["$ref"].rsplit("/", 1)[1]
        assert set(entry) <= set(components["schemas"][shape]["properties"])
    return body


def check_events(api: ApiClient, *, at_least: set[str]) -> None:
    """Compare all events that there are with what the document says of their webhooks."""
    events = api.get("/v1/events", {"limit": "100"}).json()["data"]
    for event in events:
        body = document()["webhooks"][event["type"]]["post"]["requestBody"]
        schema = body["content"]["application/json"]["schema"]
        jsonschema.validate(event, {**schema, "components": document()["components"]})
    assert at_least <= {event["type"] for event in events}


def make(api: ApiClient, path: str, body: dict[str, Any]) -> Any:
    """Create an object, compare the answer and the list of its resource, and return it."""
    made = check(api.post(path, body), path, "post")
    assert check(api.get(path), path)["data"]
    return made


def test_payments_refunds_and_their_events_have_the_shapes_of_the_document(
    api: ApiClient, simulator: RunningSimulator
) -> None:
    intent = check(api.post("/v1/payment_intents", PAY), "/v1/payment_intents", "post")
    refund = {"payment_intent": intent["id"], "amount": 50}
    refunded = check(api.post("/v1/refunds", refund), "/v1/refunds", "post")

    one = "/v1/payment_intents/{intent_id}"
    check(api.get(f"/v1/payment_intents/{intent['id']}"), one)
    check(api.get(f"/v1/payment_intents/{intent['id']}/attempts"), f"{one}/attempts")
    check(api.get("/v1/payment_intents"), "/v1/payment_intents")
    check(api.get(f"/v1/charges/{intent['latest_charge']}"), "/v1/charges/{charge_id}")
    check(api.get("/v1/charges"), "/v1/charges")
    check(api.get(f"/v1/refunds/{refunded['id']}"), "/v1/refunds/{refund_id}")
    check(api.get("/v1/refunds"), "/v1/refunds")
    facts = f"{one}/events"
    check(api.get(f"/v1/payment_intents/{intent['id']}/events"), facts)
    events = check(api.get("/v1/events"), "/v1/events")
    check(api.get(f"/v1/events/{events['data'][0]['id']}"), "/v1/events/{event_id}")
    check_events(api, at_least={"payment_intent.succeeded", "refund.created"})


def test_customers_and_their_methods_have_the_shapes_of_the_document(
    api: ApiClient, simulator: RunningSimulator
) -> None:
    customer = check(
        api.post("/v1/customers", {"email": "a@example.com"}), "/v1/customers", "post"
    )["id"]
    card = {"type": "card", "card": {"token": "tok_visa"}}
    debit = {"type": "sepa_debit", "sepa_debit": {"iban": "DE89370400440532013000"}}
    method = check(api.post("/v1/payment_methods", card), "/v1/payment_methods", "post")["id"]
    check(api.post("/v1/payment_methods", debit), "/v1/payment_methods", "post")

    attach = "/v1/payment_methods/{method_id}/attach"
    answer = api.post(f"/v1/payment_methods/{method}/attach", {"customer": customer})
    check(answer, attach, "post")
    of_customer = "/v1/customers/{customer_id}/payment_methods"
    check(api.get(f"/v1/customers/{customer}/payment_methods"), of_customer)
    check(api.get("/v1/customers"), "/v1/customers")
    deleted = api.delete(f"/v1/customers/{customer}")
    check(deleted, "/v1/customers/{customer_id}", "delete")


def test_expanded_objects_fit_the_document(api: ApiClient, simulator: RunningSimulator) -> None:
    expanding = {**PAY, "expand": ["latest_charge", "payment_method"]}

    intent = check(api.post("/v1/payment_intents", expanding), "/v1/payment_intents", "post")

    assert intent["latest_charge"]["object"] == "charge"


def test_sellers_and_their_money_have_the_shapes_of_the_document(
    api: ApiClient, simulator: RunningSimulator
) -> None:
    seller = make(
        api, "/v1/accounts", {"email": "s@example.com", "country": "DE", "default_currency": "eur"}
    )["id"]
    wish = {"amount": 5000, "currency": "eur", "destination": seller}
    transfer = make(api, "/v1/transfers", wish)["id"]
    answer = api.post(f"/v1/transfers/{transfer}/reversals", {"amount": 100})
    check(answer, "/v1/transfers/{transfer_id}/reversals", "post")
    check(api.get(f"/v1/transfers/{transfer}"), "/v1/transfers/{transfer_id}")
    check(api.get(f"/v1/accounts/{seller}/balance"), "/v1/accounts/{account_id}/balance")
    check(api.get("/v1/balance"), "/v1/balance")
    assert check(api.get("/v1/balance_transactions"), "/v1/balance_transactions")["data"]
    order = {"payment_order_id": "o-1", "seller_account": seller, "amount": "12.34"}
    checkout = {
        "checkout_id": "c-1",
        "buyer": {"email": "b@example.com"},
        "credit_card_info": {"token": "tok_visa"},
        "payment_orders": [{**order, "currency": "EUR"}],
    }
    check(api.post("/v1/payments", checkout), "/v1/payments", "post")
    check(api.get("/v1/payments/o-1"), "/v1/payments/{payment_order_id}")
    check(api.get("/v1/payments", {"checkout_id": "c-1"}), "/v1/payments")

    assert check(api.get("/v1/ledger/accounts"), "/v1/ledger/accounts")["data"]
    assert check(api.get("/v1/ledger/journals"), "/v1/ledger/journals")["data"]
    check(api.get("/v1/ledger/trial_balance"), "/v1/ledger/trial_balance")
    check_events(api, at_least={"account.created", "transfer.created", "payment_order.succeeded"})


def test_billing_has_the_shapes_of_the_document(
    api: ApiClient, simulator: RunningSimulator
) -> None:
    customer = api.post("/v1/customers", {"email": "a@example.com"}).json()["id"]
    card = {"type": "card", "card": {"token": "tok_visa"}}
    method = api.post("/v1/payment_methods", card).json()["id"]
    api.post(f"/v1/payment_methods/{method}/attach", {"customer": customer})
    product = make(api, "/v1/products", {"name": "Plan"})["id"]
    monthly = {"currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"}}
    price = make(api, "/v1/prices", {"product": product, **monthly})["id"]
    make(api, "/v1/coupons", {"percent_off": 10, "duration": "once"})
    make(api, "/v1/dunning_policies", {"name": "Short", "retry_days": [1, 3]})
    make(api, "/v1/test_helpers/test_clocks", {"frozen_time": 1_900_000_000})
    make(api, "/v1/invoiceitems", {"customer": customer, "amount": 500, "currency": "eur"})
    wish = {"customer": customer, "items": [{"price": price}], "default_payment_method": method}
    subscription = make(api, "/v1/subscriptions", wish)

    invoice = subscription["latest_invoice"]
    check(api.get(f"/v1/invoices/{invoice}"), "/v1/invoices/{invoice_id}")
    check(api.get(f"/v1/invoices/{invoice}/lines"), "/v1/invoices/{invoice_id}/lines")
    assert check(api.get("/v1/invoices"), "/v1/invoices")["data"]
    check(api.get("/v1/invoice_payments", {"invoice": invoice}), "/v1/invoice_payments")
    of_subscription = {"subscription": subscription["id"]}
    check(api.get("/v1/subscription_items", of_subscription), "/v1/subscription_items")
    check_events(api, at_least={"customer.subscription.created", "invoice.created"})


def test_risk_routing_and_endpoints_have_the_shapes_of_the_document(
    api: ApiClient, settings: Any
) -> None:
    settings.WEBHOOKS_ALLOW_LOOPBACK = True
    make(
        api,
        "/v1/radar/rules",
        {"name": "Too much", "action": "block", "expression": "amount > 5000"},
    )
    known = make(api, "/v1/radar/value_lists", {"alias": "suspects", "name": "Suspects"})["id"]
    item = {"value_list": known, "value": "eve"}
    check(api.post("/v1/radar/value_list_items", item), "/v1/radar/value_list_items", "post")
    of_list = api.get("/v1/radar/value_list_items", {"value_list": known})
    assert check(of_list, "/v1/radar/value_list_items")["data"]
    make(
        api,
        "/v1/routing/rules",
        {"name": "All", "weights": [{"gateway": "stripe_main", "weight": 100}]},
    )
    check(api.get("/v1/gateways"), "/v1/gateways")
    hook = {"url": "http://127.0.0.1:9/hook", "enabled_events": ["*"]}
    make(api, "/v1/webhook_endpoints", hook)
    check(api.get("/v1/reviews"), "/v1/reviews")
    check(api.get("/v1/disputes"), "/v1/disputes")
    check(api.get("/v1/reconciliation/runs"), "/v1/reconciliation/runs")


def test_figures_searches_and_trials_have_the_shapes_of_the_document(
    api: ApiClient, simulator: RunningSimulator
) -> None:
    customer = api.post("/v1/customers", {"email": "a@example.com"}).json()["id"]
    intent = api.post("/v1/payment_intents", PAY).json()["id"]

    found = api.get("/v1/customers/search", {"query": "email:'a@example.com'"})
    assert check(found, "/v1/customers/search")["data"]
    trace = check(
        api.get(f"/v1/payment_intents/{intent}/trace"), "/v1/payment_intents/{intent_id}/trace"
    )
    assert {"request", "event", "gateway", "ledger"} <= {step["kind"] for step in trace["data"]}
    rule = {"action": "block", "expression": "amount > 5000"}
    check(api.post("/v1/radar/rules/backtest", rule), "/v1/radar/rules/backtest", "post")
    weights = [{"gateway": "stripe_main", "weight": 100}]
    wish = {"rules": [{"name": "All", "weights": weights}]}
    check(api.post("/v1/routing/simulate", wish), "/v1/routing/simulate", "post")
    for figures in ("billing/recovery", "billing/revenue", "reports/dispute_outcomes"):
        check(api.get(f"/v1/{figures}"), f"/v1/{figures}")
    assert check(api.get("/v1/reports/dispute_ratios"), "/v1/reports/dispute_ratios")["data"]
    check(api.get("/v1/dispute_policy"), "/v1/dispute_policy")
    policy = {"accept_below": "eur:1500"}
    check(api.post("/v1/dispute_policy", policy), "/v1/dispute_policy", "post")
    used = {"customer": customer, "action": "log_in", "ip_address": "192.0.2.1"}
    check(api.post("/v1/usage_evidence", used), "/v1/usage_evidence", "post")
    assert check(api.get("/v1/usage_evidence"), "/v1/usage_evidence")["data"]
