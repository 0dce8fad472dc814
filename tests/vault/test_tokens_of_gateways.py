"""A card is kept at every gateway that takes it, so that each of them can charge it later."""

from typing import Any

import pytest
from django.db import connection

from apps.gateways.errors import GatewayNotSent, GatewayRejected
from apps.payments.models import PaymentAttempt
from apps.vault.models import GatewayToken, PaymentMethod
from apps.vault.tokens import digests_of
from tests.conftest import ApiClient
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

Gateways = tuple[FakeGateway, FakeGateway]
CARD = {"type": "card", "card": {"token": "tok_visa"}}


def kept_at(method_id: str) -> list[str]:
    rows = GatewayToken.objects.filter(payment_method_id=method_id).order_by("gateway")
    return list(rows.values_list("gateway", flat=True))


def test_a_saved_card_is_kept_at_both_gateways(api: ApiClient, gateways: Gateways) -> None:
    method = api.post("/v1/payment_methods", CARD).json()

    assert kept_at(method["id"]) == ["stripe_main", "stripe_spare"]
    assert [gateway.count("store_method") for gateway in gateways] == [1, 1]


def test_a_gateway_that_is_away_does_not_keep_a_card_from_being_saved(
    api: ApiClient, gateways: Gateways
) -> None:
    gateways[0].before = [GatewayNotSent("refused")]

    method = api.post("/v1/payment_methods", CARD).json()

    assert kept_at(method["id"]) == ["stripe_spare"]


def test_nothing_is_stored_when_no_gateway_answers(api: ApiClient, gateways: Gateways) -> None:
    for gateway in gateways:
        gateway.before = [GatewayNotSent("refused")]

    assert api.post("/v1/payment_methods", CARD).status_code == 502
    assert not PaymentMethod.objects.exists()


def test_a_token_that_the_first_gateway_refuses_is_refused(
    api: ApiClient, gateways: Gateways
) -> None:
    gateways[0].before = [GatewayRejected("no such token")]

    answer = api.post("/v1/payment_methods", CARD)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "token_invalid")
    assert gateways[1].count("store_method") == 0
    assert not PaymentMethod.objects.exists()


def test_a_saved_card_is_charged_at_the_second_gateway_while_the_first_refuses(
    api: ApiClient, gateways: Gateways
) -> None:
    method = api.post("/v1/payment_methods", CARD).json()
    gateways[0].before = [GatewayNotSent("refused")]

    paid = api.post(
        "/v1/payment_intents",
        {"amount": 1000, "currency": "eur", "confirm": True, "payment_method": method["id"]},
    ).json()

    assert paid["status"] == "succeeded"
    attempts = PaymentAttempt.objects.filter(intent_id=paid["id"]).order_by("number")
    assert [(each.gateway, str(each.status)) for each in attempts] == [
        ("stripe_main", "failed"),
        ("stripe_spare", "captured"),
    ]


def test_a_card_charged_at_once_is_made_lasting_everywhere_when_it_is_attached(
    api: ApiClient, gateways: Gateways
) -> None:
    paid = api.post(
        "/v1/payment_intents",
        {"amount": 1000, "currency": "eur", "confirm": True, "payment_method": "tok_visa"},
    ).json()
    customer = api.post("/v1/customers", {"email": "ada@payer.example"}).json()
    assert GatewayToken.objects.get(gateway="stripe_spare").is_one_time

    answer = api.post(
        f"/v1/payment_methods/{paid['payment_method']}/attach", {"customer": customer["id"]}
    )

    assert answer.status_code == 200
    assert not GatewayToken.objects.get(gateway="stripe_spare").is_one_time


def test_a_token_is_found_by_its_digest_and_stands_nowhere_in_clear(
    api: ApiClient, gateways: Gateways
) -> None:
    api.post("/v1/payment_methods", CARD)
    row: Any = GatewayToken.objects.get(gateway="stripe_main")

    assert list(GatewayToken.objects.filter(digest__in=digests_of(row.token))) != []
    with connection.cursor() as cursor:
        cursor.execute("SELECT token, digest FROM vault_gatewaytoken WHERE id = %s", [row.id])
        stored, digest = cursor.fetchone()
    assert row.token not in stored
    assert stored.startswith("v1.")
    assert len(digest) == 64


def test_a_detached_card_stays_detached_though_a_gateway_is_away(
    api: ApiClient, gateways: Gateways
) -> None:
    method = api.post("/v1/payment_methods", CARD).json()
    gateways[0].before = [GatewayNotSent("refused")]

    answer = api.post(f"/v1/payment_methods/{method['id']}/detach")

    assert answer.status_code == 200
    assert PaymentMethod.objects.get().detached_at is not None
    assert gateways[1].count("detach") == 1
