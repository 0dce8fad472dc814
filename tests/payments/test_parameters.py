"""What Stripe's users send along with a payment: where goods go, a method inside, how to check."""

from typing import Any

import pytest
from django.utils import timezone

from apps.api.models import ApiKeyKind, Merchant
from apps.api.services import create_api_key
from apps.gateways.base import DeclineClass, Parcel
from apps.outbox.models import Event
from apps.payments.models import PaymentIntent
from apps.vault.models import Mandate, PaymentMethod
from tests.conftest import ApiClient
from tests.fake_gateway import FakeGateway, decline

pytestmark = pytest.mark.django_db

ORDER = {"amount": 1050, "currency": "eur"}
PAY = {**ORDER, "payment_method": "pm_card_visa", "confirm": True}
ADDRESS = {"line1": "Main Street 1", "postal_code": "10115", "city": "Berlin", "country": "DE"}
SHIPPING = {"name": "Ada", "address": ADDRESS, "carrier": "DHL"}
SHOWN = {
    "address": {**ADDRESS, "line2": None, "state": None},
    "carrier": "DHL",
    "name": "Ada",
    "phone": None,
    "tracking_number": None,
}


def test_where_goods_go_is_kept_told_to_the_gateway_and_shown(
    api: Any, gateway: FakeGateway
) -> None:
    paid = api.post("/v1/payment_intents", {**PAY, "shipping": SHIPPING}).json()

    charge = api.get(f"/v1/charges/{paid['latest_charge']}").json()
    assert paid["shipping"] == charge["shipping"] == SHOWN
    assert gateway.requests[0].shipping == Parcel(
        name="Ada", phone="", line1="Main Street 1", line2="", postal_code="10115", city="Berlin",
        state="", country="DE", carrier="DHL", tracking_number="",
    )  # fmt: skip
    told = Event.objects.get(object_id=paid["id"], type="payment_intent.succeeded").object
    assert told["shipping"] == SHOWN


def test_confirming_may_tell_where_the_goods_go(api: Any, gateway: FakeGateway) -> None:
    made = api.post("/v1/payment_intents", ORDER).json()

    paid = api.post(
        f"/v1/payment_intents/{made['id']}/confirm",
        {"payment_method": "pm_card_visa", "shipping": SHIPPING},
    ).json()

    assert (made["shipping"], paid["shipping"]) == (None, SHOWN)


def test_a_tracking_number_comes_after_the_payment_and_nothing_else_does(
    api: Any, gateway: FakeGateway
) -> None:
    paid = api.post("/v1/payment_intents", PAY).json()
    path = f"/v1/payment_intents/{paid['id']}"

    sent = api.post(path, {"shipping": {**SHIPPING, "tracking_number": "JJD000390"}})
    refused = api.post(path, {"shipping": SHIPPING, "receipt_email": "ada@payer.example"})
    unset = api.post_raw(path, b"shipping=", content_type="application/x-www-form-urlencoded")

    assert sent.json()["shipping"] == {**SHOWN, "tracking_number": "JJD000390"}
    assert (refused.status_code, refused.json()["error"]["code"]) == (
        409,
        "invalid_state",
    )
    assert unset.json()["shipping"] is None


def test_a_payer_without_an_address_has_no_shipping(api: Any, gateway: FakeGateway) -> None:
    refused = api.post("/v1/payment_intents", {**PAY, "shipping": {"name": "Ada"}})

    error = refused.json()["error"]
    assert (error["code"], error["param"]) == ("parameter_missing", "shipping[address]")
    assert not PaymentIntent.objects.exists()


def test_a_token_may_come_inside_of_the_payment(api: Any, gateway: FakeGateway) -> None:
    data = {"type": "card", "card": {"token": "tok_visa"}}

    paid = api.post(
        "/v1/payment_intents", {**ORDER, "confirm": True, "payment_method_data": data}
    ).json()

    assert (paid["status"], gateway.requests[0].token) == ("succeeded", "tok_visa")
    assert PaymentMethod.objects.get().pk == paid["payment_method"]


def test_a_method_inside_keeps_whose_it_is(api: Any, gateway: FakeGateway) -> None:
    data = {
        "type": "card",
        "card": {"token": "tok_visa"},
        "billing_details": {"name": "Ada", "address": ADDRESS},
    }
    made = api.post("/v1/payment_intents", ORDER).json()

    paid = api.post(
        f"/v1/payment_intents/{made['id']}/confirm", {"payment_method_data": data}
    ).json()

    method = PaymentMethod.objects.get()
    assert (paid["status"], paid["payment_method"]) == ("succeeded", method.pk)
    assert method.billing_details == {"name": "Ada", "address": ADDRESS}


@pytest.mark.parametrize("is_new", [True, False])
def test_the_same_request_again_stores_its_method_once(
    api: Any, gateway: FakeGateway, *, is_new: bool
) -> None:
    data = {"type": "card", "card": {"token": "tok_visa"}, "billing_details": {"name": "Ada"}}
    path, fields = "/v1/payment_intents", {**ORDER, "confirm": True, "payment_method_data": data}
    if not is_new:
        path += f"/{api.post(path, ORDER).json()['id']}/confirm"
        fields = {"payment_method_data": data}

    first, again = (api.post(path, fields, key="order-7") for _ in range(2))

    assert (first.json()["status"], again.content) == ("succeeded", first.content)
    assert again["Idempotent-Replayed"] == "true"
    assert (PaymentMethod.objects.count(), len(gateway.captures)) == (1, 1)


def test_a_refused_request_leaves_its_key_free(api: Any, gateway: FakeGateway) -> None:
    data = {"type": "card", "card": {"token": "tok_visa"}, "billing_details": {"name": "Ada"}}
    fields = {**ORDER, "confirm": True, "payment_method_data": data}

    refused = api.post("/v1/payment_intents", {**fields, "amount": 1}, key="order-7")
    corrected = api.post("/v1/payment_intents", fields, key="order-7")

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "amount_too_small")
    assert corrected.json()["status"] == "succeeded"


def test_an_account_inside_comes_with_its_mandate(api: Any, gateway: FakeGateway) -> None:
    data = {
        "type": "sepa_debit",
        "sepa_debit": {"iban": "DE89370400440532013000"},
        "billing_details": {"name": "Ada", "email": "ada@payer.example"},
    }
    online = {"ip_address": "192.0.2.7", "user_agent": "Firefox"}
    mandate = {"customer_acceptance": {"type": "online", "online": online}}

    paid = api.post(
        "/v1/payment_intents",
        {**ORDER, "confirm": True, "payment_method_data": data, "mandate_data": mandate},
    ).json()

    taken = Mandate.objects.get()
    assert (paid["payment_method"], taken.payment_method_id) == (taken.payment_method_id,) * 2
    assert (taken.acceptance, taken.ip) == ("online", "192.0.2.7")


@pytest.mark.parametrize(
    ("sent", "code", "param"),
    [
        (
            {"payment_method_data": {"type": "card", "card": {"number": "4242424242424242"}}},
            "raw_card_data_rejected",
            None,
        ),
        (
            {
                "payment_method": "pm_card_visa",
                "payment_method_data": {"type": "card", "card": {"token": "tok_visa"}},
            },
            "parameter_invalid",
            "payment_method_data",
        ),
        (
            {"payment_method_data": {"type": "card"}},
            "parameter_missing",
            "payment_method_data[card][token]",
        ),
        ({"payment_method_data": {"type": "klarna"}}, "parameter_invalid", None),
    ],
)
def test_a_method_inside_that_cannot_be_taken_is_refused(
    api: Any, gateway: FakeGateway, sent: dict[str, Any], code: str, param: str | None
) -> None:
    refused = api.post("/v1/payment_intents", {**ORDER, **sent})

    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (400, code)
    assert param in {None, error["param"]}
    assert not PaymentIntent.objects.exists()
    assert gateway.calls == []


@pytest.mark.parametrize(("wish", "asked"), [("any", "any"), ("challenge", "challenge")])
def test_the_merchant_may_ask_for_three_d_secure(
    api: Any, gateway: FakeGateway, wish: str, asked: str
) -> None:
    options = {"card": {"request_three_d_secure": wish}}

    paid = api.post("/v1/payment_intents", {**PAY, "payment_method_options": options}).json()

    assert paid["payment_method_options"] == options
    assert gateway.requests[0].request_three_d_secure == asked


def test_automatic_leaves_three_d_secure_to_risk(api: Any, gateway: FakeGateway) -> None:
    options = {"card": {"request_three_d_secure": "automatic"}}

    api.post("/v1/payment_intents", {**PAY, "payment_method_options": options})

    assert gateway.requests[0].request_three_d_secure == ""


def test_the_end_of_the_statements_text_is_the_cards(api: Any, gateway: FakeGateway) -> None:
    both = {"statement_descriptor": "SHOP", "statement_descriptor_suffix": "ORDER 7"}

    made = api.post("/v1/payment_intents", {**PAY, **both}).json()

    assert made["statement_descriptor_suffix"] == "ORDER 7"
    assert gateway.requests[0].statement_descriptor == "ORDER 7"


def test_how_money_is_taken_may_change_until_it_is(api: Any, gateway: FakeGateway) -> None:
    made = api.post("/v1/payment_intents", ORDER).json()

    changed = api.post(f"/v1/payment_intents/{made['id']}", {"capture_method": "manual"})

    assert (made["capture_method"], changed.json()["capture_method"]) == ("automatic", "manual")


def test_a_charge_tells_what_the_bank_and_risk_said(api: Any, gateway: FakeGateway) -> None:
    paid = api.post("/v1/payment_intents", PAY).json()

    outcome = api.get(f"/v1/charges/{paid['latest_charge']}").json()["outcome"]

    assert {name: outcome[name] for name in ("network_status", "type", "seller_message")} == {
        "network_status": "approved_by_network",
        "type": "authorized",
        "seller_message": "Payment complete.",
    }
    assert (outcome["reason"], outcome["risk_level"]) == (None, "normal")
    assert outcome["risk_score"] is None or 0 <= outcome["risk_score"] < 100


def test_a_refused_charge_tells_why(api: Any, gateway: FakeGateway) -> None:
    gateway.script = [decline("stolen_card", error_class=DeclineClass.TERMINAL)]
    api.post("/v1/payment_intents", PAY)

    (charge,) = api.get("/v1/charges").json()["data"]

    outcome = charge["outcome"]
    assert (outcome["type"], outcome["network_status"], outcome["reason"]) == (
        "issuer_declined", "declined_by_network", "stolen_card",
    )  # fmt: skip
    assert outcome["seller_message"] == "The bank returned the decline code `stolen_card`."


@pytest.mark.parametrize(
    "merchants",
    [
        {"payment_method_options": {"card": {"request_three_d_secure": "automatic"}}},
        {"capture_method": "manual"},
        {"off_session": True},
        {"allow_duplicate": True},
    ],
)
def test_a_payer_settles_nothing_that_is_the_merchants(
    api: Any, gateway: FakeGateway, merchant: Merchant, merchants: dict[str, Any]
) -> None:
    made = api.post("/v1/payment_intents", ORDER).json()
    _key, publishable = create_api_key(
        merchant=merchant, livemode=False, kind=ApiKeyKind.PUBLISHABLE, now=timezone.now()
    )
    payer = {"client_secret": made["client_secret"], "payment_method": "tok_visa"}
    browser, path = ApiClient(publishable), f"/v1/payment_intents/{made['id']}/confirm"

    refused = browser.post(path, {**payer, **merchants})
    paid = browser.post(path, {**payer, "shipping": SHIPPING})

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, *merchants)
    assert (paid.json()["status"], paid.json()["shipping"]) == ("succeeded", SHOWN)


def test_an_empty_text_for_metadata_notes_nothing(api: Any, gateway: FakeGateway) -> None:
    held = {**PAY, "capture_method": "manual", "metadata": ""}
    made = api.post("/v1/payment_intents", held).json()

    taken = api.post(f"/v1/payment_intents/{made['id']}/capture", {"metadata": ""}).json()

    assert (made["status"], made["metadata"]) == ("requires_capture", {})
    assert (taken["status"], taken["metadata"]) == ("succeeded", {})
