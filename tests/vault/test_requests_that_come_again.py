"""A request that brings a method along and comes again, after a crash too, stores it once."""

from typing import Any, NoReturn

import pytest

from apps.api.models import IdempotencyKey
from apps.vault.models import Mandate, PaymentMethod
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

Gateways = tuple[FakeGateway, FakeGateway]
ADA = {"billing_details": {"name": "Ada", "email": "ada@payer.example"}}
CARD = {"type": "card", "card": {"token": "tok_visa"}, **ADA}
ACCOUNT = {"type": "sepa_debit", "sepa_debit": {"iban": "DE89370400440532013000"}, **ADA}
ORDER = {"amount": 1050, "currency": "eur", "confirm": True}


class Died(BaseException):
    """Stands for kill -9: nothing of the request runs after it."""


def die(*_args: object, **_named: object) -> NoReturn:
    raise Died


# The address, what it is sent beside the method, and what comes after the method was stored.
PLACES = [
    ("/v1/payment_intents", ORDER, "apps.payments.api.intents.create_intent"),
    ("/v1/setup_intents", {"confirm": True}, "apps.setups.api.setups.create_setup"),
    ("/v1/payment_methods", {}, "apps.vault.api.views.render_method"),
]


def with_method(path: str, fields: dict[str, Any], method: dict[str, Any]) -> dict[str, Any]:
    is_inside = path != "/v1/payment_methods"
    return {**fields, "payment_method_data": method} if is_inside else {**fields, **method}


@pytest.mark.parametrize(("path", "fields", "next_step"), PLACES)
def test_a_request_that_died_finds_the_method_it_had_stored(
    api: Any,
    gateways: Gateways,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    fields: dict[str, Any],
    next_step: str,
) -> None:
    request = with_method(path, fields, CARD)
    with monkeypatch.context() as patch:
        patch.setattr(next_step, die)
        with pytest.raises(Died):
            api.post(path, request, key="order-7")
    stored = PaymentMethod.objects.get()
    IdempotencyKey.objects.update(leased_until="2020-01-01T00:00:00Z")

    answer = api.post(path, request, key="order-7")

    shown = answer.json()
    assert answer.status_code == 200
    assert shown.get("payment_method", shown["id"]) == stored.id
    assert (PaymentMethod.objects.count(), gateways[0].count("store_method")) == (1, 1)


@pytest.mark.parametrize(("path", "fields", "next_step"), PLACES)
def test_a_request_that_was_answered_is_answered_again_and_stores_nothing(
    api: Any, gateways: Gateways, path: str, fields: dict[str, Any], next_step: str
) -> None:
    request = with_method(path, fields, CARD)

    first, again = (api.post(path, request, key="order-7") for _ in range(2))

    assert (first.status_code, again.content) == (200, first.content)
    assert again["Idempotent-Replayed"] == "true"
    assert (PaymentMethod.objects.count(), gateways[0].count("store_method")) == (1, 1)


def test_an_account_is_stored_once_with_one_mandate(
    api: Any, gateways: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("apps.vault.api.views.render_method", die)
        with pytest.raises(Died):
            api.post("/v1/payment_methods", ACCOUNT, key="order-7")
    IdempotencyKey.objects.update(leased_until="2020-01-01T00:00:00Z")

    answer = api.post("/v1/payment_methods", ACCOUNT, key="order-7")

    assert Mandate.objects.get().payment_method_id == answer.json()["id"]


def test_another_card_under_a_key_that_a_refusal_freed_is_another_method(
    api: Any, gateways: Gateways
) -> None:
    other = {**CARD, "card": {"token": "tok_mastercard"}}

    refused = api.post(
        "/v1/payment_intents", {**ORDER, "amount": 1, "payment_method_data": CARD}, key="order-7"
    )
    paid = api.post("/v1/payment_intents", {**ORDER, "payment_method_data": other}, key="order-7")

    first, second = PaymentMethod.objects.order_by("pk")
    assert refused.json()["error"]["code"] == "amount_too_small"
    assert paid.json()["payment_method"] == second.id
    assert gateways[0].requests[0].token == "pm_fake_tok_mastercard"
    # The gateway would refuse another card under the same key.
    asked = [key for step, key in gateways[0].calls if step == "store_method"]
    assert asked == [first.exchange_key, second.exchange_key]
    assert first.exchange_key != second.exchange_key
