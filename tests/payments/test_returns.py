"""The payer's way back from the bank: finished with the gateway, then on to the merchant."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from apps.common.returns import return_address
from apps.gateways.base import PaymentState
from apps.gateways.errors import GatewayUnknown
from apps.payments.models import PaymentAttempt, PaymentIntent
from tests.fake_gateway import FakeGateway, challenge

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(api: Any, gateway: FakeGateway) -> PaymentAttempt:
    """Return an attempt whose payer is at the bank's page."""
    gateway.script.append(challenge())
    api.post(
        "/v1/payment_intents",
        {
            "amount": 1050,
            "currency": "eur",
            "payment_method": "tok_visa",
            "confirm": True,
            "return_url": "https://shop.example/back?basket=7",
        },
    )
    return PaymentAttempt.objects.get()


def come_back(attempt_id: str, query: str = "") -> Any:
    return Client().get(f"{urlsplit(return_address('payment', attempt_id)).path}{query}")


def test_coming_back_records_what_the_gateway_says_and_leads_on(
    waiting: PaymentAttempt, gateway: FakeGateway
) -> None:
    gateway.move(waiting.gateway_reference, state=PaymentState.CAPTURED, amount_captured=1050)

    answer = come_back(waiting.id, "?redirectResult=abc")

    intent = PaymentIntent.objects.get()
    assert (intent.status, intent.amount_received) == ("succeeded", 1050)
    address = urlsplit(answer.headers["Location"])
    assert (answer.status_code, address.netloc, address.path) == (302, "shop.example", "/back")
    assert parse_qs(address.query) == {
        "basket": ["7"],
        "payment_intent": [intent.id],
        "payment_intent_client_secret": [intent.client_secret],
        "redirect_status": ["succeeded"],
    }


def test_a_claim_in_the_address_changes_nothing(
    waiting: PaymentAttempt, gateway: FakeGateway
) -> None:
    answer = come_back(waiting.id, "?redirect_status=succeeded&redirectResult=forged")

    assert PaymentIntent.objects.get().status == "requires_action"
    assert "redirect_status=pending" in answer.headers["Location"]


def test_coming_back_while_the_gateway_is_away_leaves_it_to_the_sweep(
    waiting: PaymentAttempt, gateway: FakeGateway
) -> None:
    gateway.before.append(GatewayUnknown("nobody answers"))

    answer = come_back(waiting.id)

    assert answer.status_code == 302
    assert PaymentIntent.objects.get().status == "requires_action"


def test_an_address_that_we_did_not_make_leads_nowhere(
    waiting: PaymentAttempt, gateway: FakeGateway
) -> None:
    path = urlsplit(return_address("payment", waiting.id)).path

    assert Client().get(f"/return/payment/{waiting.id}").status_code == 404
    assert Client().get(f"{path[:-1]}x").status_code == 404
    assert gateway.count("finish") == 0


def test_coming_back_twice_charges_once(waiting: PaymentAttempt, gateway: FakeGateway) -> None:
    gateway.move(waiting.gateway_reference, state=PaymentState.CAPTURED, amount_captured=1050)

    come_back(waiting.id)
    answer = come_back(waiting.id)

    assert "redirect_status=succeeded" in answer.headers["Location"]
    assert gateway.count("finish") == 1
    assert PaymentIntent.objects.get().amount_received == 1050


def test_a_payer_of_a_shop_without_an_address_may_close_the_page(
    api: Any, gateway: FakeGateway
) -> None:
    gateway.script.append(challenge())
    payment = {"amount": 1050, "currency": "eur", "payment_method": "tok_visa", "confirm": True}
    api.post("/v1/payment_intents", payment)

    answer = come_back(PaymentAttempt.objects.get().id)

    assert answer.status_code == 200
    assert "You may close this window" in answer.content.decode()
