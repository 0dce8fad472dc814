"""`setup_future_usage`: the method that pays stays with the customer."""

from typing import Any

import pytest

from apps.gateways.errors import GatewayNotSent
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.vault.models import PaymentMethod
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer(api: Any, gateway: FakeGateway) -> str:
    return str(api.post("/v1/customers", {"email": "ada@payer.example"}).json()["id"])


def pay(api: Any, **params: Any) -> Any:
    sold = {"amount": 1050, "currency": "eur", "confirm": True}
    return api.post("/v1/payment_intents", {**sold, **params})


def test_a_card_is_saved_with_its_payment_and_charged_again(
    api: Any, gateway: FakeGateway, customer: str
) -> None:
    saving = {"customer": customer, "setup_future_usage": "off_session"}
    first = pay(api, payment_method="tok_visa", **saving).json()
    second = pay(api, payment_method=first["payment_method"], customer=customer, off_session=True)

    assert (first["status"], second.json()["status"]) == ("succeeded", "succeeded")
    assert PaymentMethod.objects.get().customer_id == customer
    listed = api.get(f"/v1/customers/{customer}/payment_methods").json()["data"]
    assert [each["id"] for each in listed] == [first["payment_method"]]
    assert gateway.count("create") == 2


def test_confirming_may_ask_for_it_too(api: Any, gateway: FakeGateway, customer: str) -> None:
    made = pay(api, confirm=False, customer=customer).json()

    path = f"/v1/payment_intents/{made['id']}/confirm"
    paid = api.post(path, {"payment_method": "tok_visa", "setup_future_usage": "on_session"}).json()

    assert (paid["status"], paid["setup_future_usage"]) == ("succeeded", "on_session")
    assert PaymentMethod.objects.get().customer_id == customer


def test_without_a_customer_there_is_nobody_to_save_it_for(api: Any, gateway: FakeGateway) -> None:
    paid = pay(api, payment_method="tok_visa", setup_future_usage="off_session").json()

    assert paid["status"] == "succeeded"
    assert PaymentMethod.objects.get().customer_id is None
    assert gateway.count("store_method") == 0


def test_without_the_wish_nothing_is_saved(api: Any, gateway: FakeGateway, customer: str) -> None:
    pay(api, payment_method="tok_visa", customer=customer)

    assert PaymentMethod.objects.get().customer_id is None
    assert gateway.count("store_method") == 0


def test_a_gateway_that_is_away_saves_and_charges_nothing(
    api: Any, gateway: FakeGateway, customer: str
) -> None:
    made = pay(api, confirm=False, customer=customer).json()
    gateway.before.append(GatewayNotSent("connection refused"))

    path = f"/v1/payment_intents/{made['id']}/confirm"
    wish = {"payment_method": "tok_visa", "setup_future_usage": "off_session"}
    refused = api.post(path, wish)

    assert (refused.status_code, refused.json()["error"]["code"]) == (502, "gateway_unavailable")
    assert PaymentIntent.objects.get().status == "created"
    assert not PaymentAttempt.objects.exists()
    assert not PaymentMethod.objects.exists()
    assert gateway.count("create") == 0


def test_another_customers_card_is_not_taken_over(
    api: Any, gateway: FakeGateway, customer: str
) -> None:
    other = api.post("/v1/customers", {"email": "eve@payer.example"}).json()["id"]
    saving = {"setup_future_usage": "off_session"}
    first = pay(api, payment_method="tok_visa", customer=customer, **saving).json()

    refused = pay(api, payment_method=first["payment_method"], customer=other, **saving)

    assert refused.status_code == 400
    assert PaymentMethod.objects.get().customer_id == customer
    assert gateway.count("create") == 1
