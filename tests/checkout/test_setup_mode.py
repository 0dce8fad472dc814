"""Sessions in setup mode: a card is saved on the hosted page, and nothing is paid."""

import re
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from apps.checkout.models import Session
from apps.checkout.services.sessions import queue_news, settle_due_sessions
from apps.gateways.base import Decline, DeclineClass, SetupResult, SetupState
from apps.outbox.models import Event
from apps.payments.models import PaymentIntent
from apps.setups.models import SetupIntent
from apps.setups.services.setups import finish_setup
from apps.vault.models import PaymentMethod
from tests.factories.checkout import PAYER
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

CHALLENGE = SetupResult(
    state=SetupState.REQUIRES_ACTION, reference="", action_url="https://bank.example/3ds"
)
REFUSED = SetupResult(
    state=SetupState.FAILED,
    reference="",
    decline=Decline(code="expired_card", error_class=DeclineClass.TERMINAL),
)


@pytest.fixture
def session(api: Any, gateway: FakeGateway) -> Session:
    owner = api.post("/v1/customers", {"email": "ada@payer.example"}).json()["id"]
    made = api.post("/v1/checkout/sessions", {"mode": "setup", "customer": owner}).json()
    return Session.objects.get(pk=made["id"])


def show(session: Session) -> str:
    return Client().get(f"/pay/{session.id}").content.decode()


def press(session: Session) -> None:
    offered = re.search(r'name="try" value="([^"]*)"', show(session))
    assert offered is not None
    Client().post(f"/pay/{session.id}", {"token": "tok_visa", "try": offered[1]})


def test_a_card_is_saved_and_nothing_is_paid(api: Any, session: Session) -> None:
    assert "Nothing is charged now." in show(session)

    press(session)

    shown = api.get(f"/v1/checkout/sessions/{session.id}").json()
    assert (shown["status"], shown["payment_status"], shown["payment_intent"]) == (
        "complete",
        "no_payment_required",
        None,
    )
    assert shown["setup_intent"] == SetupIntent.objects.get(status="succeeded").id
    assert PaymentMethod.objects.get().customer_id == session.customer_id
    assert "Your card is saved" in show(session)
    assert not PaymentIntent.objects.exists()


def test_a_refused_card_is_told_and_another_one_saved(
    session: Session, gateway: FakeGateway
) -> None:
    gateway.setup_script.append(REFUSED)

    press(session)
    assert "The card has expired." in show(session)
    press(session)

    session.refresh_from_db()
    assert session.status == "complete"
    assert gateway.count("set_up") == 2


def test_the_same_try_twice_asks_the_bank_once(session: Session, gateway: FakeGateway) -> None:
    gateway.setup_script.append(CHALLENGE)
    form = {"token": "tok_visa", "try": f"{session.setup_intent_id}.0"}

    for _ in range(2):
        Client().post(f"/pay/{session.id}", form)

    assert "Continue to your bank" in show(session)
    assert gateway.count("set_up") == 1


def test_news_of_the_setup_completes_the_session(session: Session, gateway: FakeGateway) -> None:
    gateway.setup_script.append(CHALLENGE)
    press(session)
    setup = SetupIntent.objects.get()
    gateway.setups[setup.gateway_reference] = SetupResult(
        state=SetupState.SUCCEEDED, reference=setup.gateway_reference
    )
    finish_setup(setup_id=setup.id, answer={}, origin=PAYER, now=timezone.now())

    queue_news(list(Event.objects.values_list("pk", flat=True)))
    assert settle_due_sessions(now=timezone.now()) == 1

    session.refresh_from_db()
    assert session.status == "complete"


def test_a_link_taken_back_cancels_the_setup(
    api: Any, session: Session, gateway: FakeGateway
) -> None:
    expired = api.post(f"/v1/checkout/sessions/{session.id}/expire").json()

    assert expired["status"] == "expired"
    assert SetupIntent.objects.get().status == "canceled"
    assert "This payment was canceled" in show(session)


def test_nothing_is_sold_in_setup_mode(api: Any, gateway: FakeGateway) -> None:
    price = {"currency": "eur", "unit_amount": 4900, "product_data": {"name": "Teapot"}}

    answer = api.post(
        "/v1/checkout/sessions", {"mode": "setup", "line_items": [{"price_data": price}]}
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "line_items_invalid")
    assert not SetupIntent.objects.exists()


def test_postgresql_keeps_a_session_with_what_its_mode_needs(session: Session) -> None:
    with (
        pytest.raises(IntegrityError, match="session_has_what_its_mode_needs"),
        transaction.atomic(),
    ):
        Session.objects.filter(pk=session.pk).update(amount_total=100)


def test_the_setup_is_made_with_what_the_session_says(api: Any, gateway: FakeGateway) -> None:
    data = {"description": "Library card", "metadata": {"shelf": "7"}}

    api.post("/v1/checkout/sessions", {"mode": "setup", "setup_intent_data": data})

    setup = SetupIntent.objects.get()
    assert (setup.description, setup.metadata) == ("Library card", {"shelf": "7"})
