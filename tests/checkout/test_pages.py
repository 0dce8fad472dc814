"""The hosted page without a browser: its states, its headers, what its form takes."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.api.models import Merchant
from apps.checkout.models import Session
from apps.checkout.services.sessions import LineItem, expire_session
from apps.gateways.base import DeclineClass
from apps.gateways.errors import GatewayNotSent
from apps.payments.models import PaymentAttempt
from apps.vault.models import PaymentMethod
from tests.factories.checkout import MERCHANT, intent_of, open_session, pay
from tests.fake_gateway import FakeGateway, challenge, decline, pending

pytestmark = pytest.mark.django_db


def show(session: Session, language: str = "en") -> Any:
    return Client().get(f"/pay/{session.id}", headers={"Accept-Language": language})


def press(session: Session, **form: str) -> Any:
    """Press the button with what the page offers, but for what `form` says."""
    client = Client()
    page = client.get(f"/pay/{session.id}").content.decode()
    offered = re.search(r'name="try" value="([^"]*)"', page)
    sent = {"token": "tok_visa", "try": offered[1] if offered else "", **form}
    return client.post(f"/pay/{session.id}", sent)


def nothing(_: FakeGateway, session: Session) -> None:
    """Leave the session as it was opened."""


def pay_with(*script: Any) -> Callable[[FakeGateway, Session], None]:
    def act(gateway: FakeGateway, session: Session) -> None:
        gateway.script.extend(script)
        pay(session)

    return act


def find_nobody(gateway: FakeGateway, session: Session) -> None:
    gateway.before.append(GatewayNotSent("nobody listens"))
    pay(session)


def pay_long_ago(_: FakeGateway, session: Session) -> None:
    pay(session, now=timezone.now() - timedelta(minutes=10))


def take_back(_: FakeGateway, session: Session) -> None:
    expire_session(scope=session.scope, session_id=session.id, origin=MERCHANT, now=timezone.now())


STATES: list[tuple[str, Callable[[FakeGateway, Session], None], str]] = [
    ("open", nothing, "Pay by card"),
    ("declined", pay_with(decline("insufficient_funds")), "There is not enough money on the card."),
    (
        "declined",
        pay_with(decline("stolen_card", DeclineClass.TERMINAL)),
        "Your bank declined the card. You were not charged. Try another card.",
    ),
    ("unavailable", find_nobody, "The payment service did not answer. You were not charged."),
    ("verification", pay_with(challenge()), "Continue to your bank"),
    ("processing", pay_with(pending), "Please do not pay again"),
    ("succeeded", pay_with(), "Thank you, your payment went through"),
    ("already_paid", pay_long_ago, "This is already paid"),
    ("canceled", take_back, "This payment was canceled"),
]


@pytest.mark.parametrize(("state", "act", "words"), STATES)
def test_every_state_has_its_page(
    merchant: Merchant,
    gateway: FakeGateway,
    state: str,
    act: Callable[[FakeGateway, Session], None],
    words: str,
) -> None:
    session = open_session(merchant)

    act(gateway, session)

    page = show(session)
    assert page.status_code == 200
    assert f'data-state="{state}"' in page.content.decode()
    assert words in page.content.decode()
    assert Client().get(f"/pay/{session.id}/status").json() == {"state": state}


def test_an_expired_link_says_so_and_how_long_links_live(
    merchant: Merchant, gateway: FakeGateway
) -> None:
    session = open_session(merchant, now=timezone.now() - timedelta(hours=24))

    page = show(session).content.decode()

    assert 'data-state="expired"' in page
    assert "Links work for at most 24 hours." in page
    assert 'id="pay"' not in page


def test_the_page_keeps_to_a_strict_policy(merchant: Merchant) -> None:
    page = show(open_session(merchant))

    policy = page.headers["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
    assert nonce is not None
    assert policy == (
        f"default-src 'none'; script-src 'nonce-{nonce[1]}'; style-src 'nonce-{nonce[1]}'; "
        "img-src 'self' data:; connect-src 'self'; frame-src https://fields.example; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    # The inventory of scripts: one file of ours, and the card fields in a frame.
    text = page.content.decode()
    assert re.findall(r"<script[^>]*>", text) == [
        f'<script src="/static/checkout/page.js" nonce="{nonce[1]}" defer>'
    ]
    assert len(re.findall(r"<iframe", text)) == 1
    assert "style=" not in text
    assert " on" not in re.sub(r'"[^"]*"', "", " ".join(re.findall(r"<[a-z][^>]*>", text)))


def test_another_visit_has_another_nonce(merchant: Merchant) -> None:
    session = open_session(merchant)

    policies = {show(session).headers["Content-Security-Policy"] for _ in range(2)}

    assert len(policies) == 2


@pytest.mark.parametrize(
    ("language", "direction", "words", "total"),
    [
        ("en-GB,en;q=0.9", "ltr", "Pay by card", "€49.00"),
        ("de-AT", "ltr", "Mit Karte bezahlen", "49,00\xa0€"),
        ("es", "ltr", "Pagar con tarjeta", "49,00\xa0€"),
        ("ar-EG", "rtl", "الدفع بالبطاقة", "49.00\xa0€"),
        ("fr", "ltr", "Pay by card", "€49.00"),
    ],
)
def test_the_page_speaks_the_payers_language(
    merchant: Merchant, language: str, direction: str, words: str, total: str
) -> None:
    page = show(open_session(merchant), language).content.decode()

    assert f'dir="{direction}"' in page
    assert words in page
    assert total in page.replace("\u200f", "")


def test_the_session_may_name_the_language(merchant: Merchant) -> None:
    session = open_session(merchant, fields={"locale": "de"})

    assert "Mit Karte bezahlen" in show(session, "en").content.decode()


@pytest.mark.parametrize("currency_amount", [("JPY", 4900, "¥4,900"), ("KWD", 4900, "KWD4.900")])
def test_amounts_have_the_decimals_of_their_currency(
    merchant: Merchant, currency_amount: tuple[str, int, str]
) -> None:
    currency, amount, shown = currency_amount
    items = [LineItem(name="Tea", unit_amount=amount, currency=currency)]

    assert f"Pay {shown}" in show(open_session(merchant, items=items)).content.decode()


def test_what_is_bought_is_shown_as_text(merchant: Merchant) -> None:
    items = [LineItem(name="<script>alert(1)</script>", unit_amount=500, currency="EUR")]

    page = show(open_session(merchant, items=items)).content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_form_takes_a_one_time_token_and_leads_back_to_the_page(
    merchant: Merchant, gateway: FakeGateway
) -> None:
    session = open_session(merchant)

    answer = press(session, email="ada@payer.example")

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/pay/{session.id}")
    intent = intent_of(session)
    assert (intent.status, intent.receipt_email) == ("succeeded", "ada@payer.example")


def test_a_stored_method_of_somebody_else_is_no_token(
    merchant: Merchant, gateway: FakeGateway
) -> None:
    pay(open_session(merchant))
    stored = PaymentMethod.objects.get()
    session = open_session(merchant)

    for token in (stored.id, "pm_card_visa", "4242424242424242", ""):
        assert press(session, token=token).status_code == 400

    assert intent_of(session).attempt_count == 0
    assert PaymentAttempt.objects.count() == 1


def test_a_form_from_elsewhere_is_refused(merchant: Merchant, gateway: FakeGateway) -> None:
    session = open_session(merchant)

    forged = Client(enforce_csrf_checks=True).post(f"/pay/{session.id}", {"token": "tok_visa"})

    assert forged.status_code == 403
    assert intent_of(session).attempt_count == 0


def test_a_second_tab_is_told_that_it_is_paid(merchant: Merchant, gateway: FakeGateway) -> None:
    session = open_session(merchant)
    press(session)
    session.refresh_from_db()

    answer = press(session)

    assert "This is already paid" in answer.content.decode()
    assert len(gateway.captures) == 1


def test_the_page_believes_no_query_parameter(merchant: Merchant, gateway: FakeGateway) -> None:
    session = open_session(merchant)

    page = Client().get(
        f"/pay/{session.id}?redirect_status=succeeded&state=succeeded&payment_intent=pi_1"
    )

    assert 'data-state="open"' in page.content.decode()


def test_the_way_back_to_the_shop_names_the_session(
    merchant: Merchant, gateway: FakeGateway
) -> None:
    fields = {"success_url": "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}"}
    session = open_session(merchant, fields=fields)
    pay(session)

    page = show(session).content.decode()

    assert f'href="https://shop.example/thanks?session={session.id}"' in page


def test_a_link_that_nobody_made_shows_nothing(db: None) -> None:
    assert Client().get("/pay/cs_01m7z3q337ks3fm415nwm3ayjq").status_code == 404
    assert Client().get("/pay/cs_01m7z3q337ks3fm415nwm3ayjq/status").status_code == 404
