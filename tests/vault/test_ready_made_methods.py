"""`pm_card_visa` and its like: ready-made methods, of which each use is a method of its own."""

import pytest

from apps.vault.models import GatewayToken, PaymentMethod
from tests.conftest import ApiClient
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

Gateways = tuple[FakeGateway, FakeGateway]


def customer_of(api: ApiClient) -> str:
    return str(api.post("/v1/customers", {"email": "ada@payer.example"}).json()["id"])


def test_two_customers_get_a_method_each_of_one_ready_made_card(
    api: ApiClient, gateways: Gateways
) -> None:
    customers = [customer_of(api), customer_of(api)]

    attached = [
        api.post("/v1/payment_methods/pm_card_visa/attach", {"customer": customer}).json()
        for customer in customers
    ]

    assert [each["customer"] for each in attached] == customers
    assert len({each["id"] for each in attached}) == 2
    assert attached[0]["card"]["last4"] == "4242"


def test_two_customers_save_the_same_ready_made_card_with_their_payments(
    api: ApiClient, gateways: Gateways
) -> None:
    customers = [customer_of(api), customer_of(api)]
    sold = {"amount": 1050, "currency": "eur", "confirm": True, "payment_method": "pm_card_visa"}

    for customer in customers:
        wish = {**sold, "customer": customer, "setup_future_usage": "off_session"}
        assert api.post("/v1/payment_intents", wish).json()["status"] == "succeeded"

    owners = PaymentMethod.objects.order_by("created_at").values_list("customer_id", flat=True)
    assert list(owners) == customers


def test_an_intent_keeps_a_token_until_it_is_confirmed(api: ApiClient, gateways: Gateways) -> None:
    sold = {"amount": 1050, "currency": "eur", "payment_method": "pm_card_visa"}
    made = api.post("/v1/payment_intents", sold).json()

    paid = api.post(f"/v1/payment_intents/{made['id']}/confirm", {}).json()

    assert made["status"] == "created"
    assert paid["status"] == "succeeded"
    assert paid["payment_method"] == made["payment_method"] == PaymentMethod.objects.get().id


def test_an_intent_takes_a_token_by_an_update(api: ApiClient, gateways: Gateways) -> None:
    made = api.post("/v1/payment_intents", {"amount": 1050, "currency": "eur"}).json()
    path = f"/v1/payment_intents/{made['id']}"

    changed = api.post(path, {"payment_method": "tok_visa"}).json()
    paid = api.post(f"{path}/confirm", {}).json()

    assert changed["payment_method"] == PaymentMethod.objects.get().id
    assert (paid["status"], paid["payment_method"]) == ("succeeded", changed["payment_method"])


def test_a_kept_token_lasts_once_it_is_attached(api: ApiClient, gateways: Gateways) -> None:
    sold = {"amount": 1050, "currency": "eur", "payment_method": "tok_visa"}
    made = api.post("/v1/payment_intents", sold).json()

    path = f"/v1/payment_methods/{made['payment_method']}/attach"
    attached = api.post(path, {"customer": customer_of(api)})

    assert attached.status_code == 200
    assert not any(token.is_one_time for token in GatewayToken.objects.all())


def test_a_customers_default_is_a_method_of_theirs(api: ApiClient, gateways: Gateways) -> None:
    ada, bob = customer_of(api), customer_of(api)
    card = api.post("/v1/payment_methods/pm_card_visa/attach", {"customer": ada}).json()["id"]
    wish = {"invoice_settings": {"default_payment_method": card}}

    of_bob, of_ada = (api.post(f"/v1/customers/{customer}", wish) for customer in (bob, ada))

    assert (of_bob.status_code, of_bob.json()["error"]["code"]) == (
        400,
        "payment_method_customer_mismatch",
    )
    assert of_ada.json()["invoice_settings"]["default_payment_method"] == card
    shown = api.get(f"/v1/customers/{bob}").json()
    assert shown["invoice_settings"]["default_payment_method"] is None
