"""Sessions in subscription mode: the payer subscribes on the hosted page, at the button."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from apps.checkout.models import Session
from apps.checkout.services.sessions import settle_due_sessions
from apps.customers.models import Customer
from apps.gateways.base import DeclineClass
from apps.outbox.models import Event
from apps.payments.models import PaymentIntent
from apps.subscriptions.models import Invoice, Subscription
from apps.vault.models import PaymentMethod
from tests.fake_gateway import FakeGateway, challenge, decline

pytestmark = pytest.mark.django_db

REFUSED = decline("insufficient_funds")
FORBIDDEN = decline("stolen_card", DeclineClass.TERMINAL)


def make_price(api: Any, **terms: Any) -> str:
    usual = {
        "currency": "eur",
        "unit_amount": 4900,
        "recurring": {"interval": "month"},
        "product_data": {"name": "Library card"},
    }
    wanted = {name: value for name, value in {**usual, **terms}.items() if value is not None}
    return str(api.post("/v1/prices", wanted).json()["id"])


def open_session(api: Any, **params: Any) -> Session:
    lines = {"line_items": [{"price": make_price(api), "quantity": 2}]}
    made = api.post("/v1/checkout/sessions", {"mode": "subscription", **lines, **params})
    assert made.status_code == 200, made.json()
    return Session.objects.get(pk=made.json()["id"])


def show(session: Session) -> str:
    return Client().get(f"/pay/{session.id}").content.decode()


def press(session: Session, *, offered: str = "") -> None:
    if not offered:
        found = re.search(r'name="try" value="([^"]*)"', show(session))
        assert found is not None
        offered = found[1]
    form = {"token": "tok_visa", "try": offered, "email": "ada@payer.example"}
    Client().post(f"/pay/{session.id}", form)
    session.refresh_from_db()


def event_types(session: Session) -> list[str]:
    rows = Event.objects.filter(object_id=session.id).order_by("sequence")
    return [event.type for event in rows]


def test_a_payer_subscribes_pays_and_is_charged_by_that_card_from_now_on(
    api: Any, gateway: FakeGateway
) -> None:
    session = open_session(api)
    assert "€98.00 for each period of 1 month, until you cancel" in show(session)
    assert not Subscription.objects.exists()
    assert not Customer.objects.exists()

    press(session)

    shown = api.get(f"/v1/checkout/sessions/{session.id}").json()
    subscription = Subscription.objects.get()
    assert (shown["status"], shown["payment_status"]) == ("complete", "paid")
    assert (shown["subscription"], shown["payment_intent"]) == (subscription.id, None)
    assert Customer.objects.get(pk=shown["customer"]).email == "ada@payer.example"
    assert (subscription.status, subscription.customer_id) == ("active", shown["customer"])
    assert subscription.default_payment_method_id == PaymentMethod.objects.get().id
    assert list(Invoice.objects.values_list("status", "total")) == [("paid", 9800)]
    assert gateway.count("create") == 1
    assert event_types(session) == [
        "checkout.session.created",
        "checkout.session.subscription_created",
        "checkout.session.completed",
    ]
    assert "Thank you, your subscription has begun" in show(session)


def test_a_known_customer_keeps_the_default_card_they_had(api: Any, gateway: FakeGateway) -> None:
    owner = api.post("/v1/customers", {"email": "ada@payer.example"}).json()["id"]

    press(open_session(api, customer=owner))

    assert Subscription.objects.get().customer_id == owner
    assert Customer.objects.get().default_payment_method_id == ""


def test_a_refused_card_is_told_and_another_one_pays_the_same_subscription(
    api: Any, gateway: FakeGateway
) -> None:
    session = open_session(api)
    gateway.script.append(REFUSED)

    press(session)
    assert "There is not enough money on the card." in show(session)
    assert Subscription.objects.get().status == "incomplete"
    press(session)

    assert session.status == "complete"
    assert Subscription.objects.get().status == "active"
    assert gateway.count("create") == 2


def test_a_payment_the_bank_forbids_for_good_gives_way_to_another(
    api: Any, gateway: FakeGateway
) -> None:
    session = open_session(api)
    gateway.script.append(FORBIDDEN)

    press(session)
    refused = session.payment_intent_id
    press(session)

    assert session.status == "complete"
    assert session.payment_intent_id != refused
    assert PaymentIntent.objects.get(pk=refused).status == "failed"
    assert Subscription.objects.get().status == "active"


def test_two_presses_of_one_page_subscribe_once(api: Any, gateway: FakeGateway) -> None:
    session = open_session(api)

    press(session, offered=f"{session.id}.0")
    press(session, offered=f"{session.id}.0")

    assert Subscription.objects.count() == 1
    assert gateway.count("create") == 1


def test_the_banks_check_leads_back_to_the_page_and_completes_it(
    api: Any, gateway: FakeGateway
) -> None:
    session = open_session(api)
    gateway.script.append(challenge())

    press(session)

    assert "Continue to your bank" in show(session)
    intent = PaymentIntent.objects.get()
    assert intent.return_url.endswith(f"/pay/{session.id}")
    assert (session.status, Subscription.objects.get().status) == ("open", "incomplete")


def test_a_credit_of_the_customer_is_shown_before_the_rest_is_paid(
    api: Any, gateway: FakeGateway
) -> None:
    owner = api.post("/v1/customers", {"email": "ada@payer.example"}).json()["id"]
    session = open_session(api, customer=owner)
    credit = {"amount": -1000, "currency": "eur"}
    made = api.post(f"/v1/customers/{owner}/balance_transactions", credit)
    assert made.status_code == 200

    press(session)
    assert gateway.count("create") == 0
    assert "Pay €88.00" in show(session)
    press(session)

    assert (session.status, session.amount_total) == ("complete", 8800)
    assert Invoice.objects.get().amount_paid == 8800


def test_a_link_taken_back_before_anybody_came_leaves_nothing(
    api: Any, gateway: FakeGateway
) -> None:
    session = open_session(api)

    expired = api.post(f"/v1/checkout/sessions/{session.id}/expire").json()

    assert expired["status"] == "expired"
    assert not Subscription.objects.exists()
    press(session, offered=f"{session.id}.0")
    assert not Subscription.objects.exists()


def test_a_session_whose_time_is_over_gives_up_the_subscription_that_had_begun(
    api: Any, gateway: FakeGateway
) -> None:
    session = open_session(api)
    gateway.script.append(REFUSED)
    press(session)

    later = session.expires_at + timedelta(seconds=1)
    assert settle_due_sessions(now=later) == 1

    session.refresh_from_db()
    assert session.status == "expired"
    assert Subscription.objects.get().status == "incomplete_expired"
    assert Invoice.objects.get().status == "void"


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"recurring": None}, "price_not_recurring"),
        ({"unit_amount": None, "unit_amount_decimal": "0.5"}, "line_items_invalid"),
    ],
)
def test_prices_that_no_page_can_show_are_refused(
    api: Any, gateway: FakeGateway, terms: dict[str, Any], code: str
) -> None:
    price = make_price(api, **terms)

    answer = api.post(
        "/v1/checkout/sessions", {"mode": "subscription", "line_items": [{"price": price}]}
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert not Session.objects.exists()


def test_a_subscription_is_of_the_catalogue(api: Any, gateway: FakeGateway) -> None:
    line = {"currency": "eur", "unit_amount": 4900, "product_data": {"name": "Teapot"}}

    answer = api.post(
        "/v1/checkout/sessions", {"mode": "subscription", "line_items": [{"price_data": line}]}
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "line_items_invalid")
    assert not Session.objects.exists()


def test_a_recurring_price_is_not_sold_once(api: Any, gateway: FakeGateway) -> None:
    line = {"price": make_price(api)}

    answer = api.post("/v1/checkout/sessions", {"mode": "payment", "line_items": [line]})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "line_items_invalid")


def test_postgresql_keeps_intent_and_subscription_together(api: Any, gateway: FakeGateway) -> None:
    session = open_session(api)

    with (
        pytest.raises(IntegrityError, match="session_has_what_its_mode_needs"),
        transaction.atomic(),
    ):
        Session.objects.filter(pk=session.pk).update(subscription_id="sub_x", due_at=timezone.now())


def test_the_subscription_is_made_with_what_the_session_says(
    api: Any, gateway: FakeGateway
) -> None:
    data = {"description": "Readers", "metadata": {"shelf": "7", "empty": ""}}
    session = open_session(api, subscription_data=data)

    press(session)

    subscription = Subscription.objects.get(pk=session.subscription_id)
    assert (subscription.description, subscription.metadata) == ("Readers", {"shelf": "7"})
    assert session.metadata == {}
