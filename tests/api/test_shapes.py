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
    events = check(api.get("/v1/events"), "/v1/events")
    check(api.get(f"/v1/events/{events['data'][0]['id']}"), "/v1/events/{event_id}")


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
