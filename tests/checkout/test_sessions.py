"""Sessions: what they are made of, and that they end as their payment does."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.api.models import Merchant
from apps.api.services import create_merchant
from apps.checkout.errors import LineItemsInvalid, SessionBeingPaid, SessionNotOpen
from apps.checkout.models import Session
from apps.checkout.services.sessions import (
    LineItem,
    expire_session,
    queue_news,
    renew_payment,
    settle_due_sessions,
    settle_session,
)
from apps.checkout.states import SessionStatus
from apps.common.errors import InvalidParameter
from apps.gateways.base import DeclineClass, PaymentState
from apps.outbox.models import Event
from apps.payments.models import PaymentIntent
from apps.payments.services.attempts import sync_attempt
from apps.payments.states import IntentStatus
from tests.factories.checkout import MERCHANT, PAYER, TEA, intent_of, open_session, pay
from tests.fake_gateway import FakeGateway, challenge, decline, pending
from tests.races import race

pytestmark = pytest.mark.django_db


def types_of(session: Session) -> list[str]:
    return list(
        Event.objects.filter(object_id=session.id)
        .order_by("sequence")
        .values_list("type", flat=True)
    )


def test_a_session_adds_up_its_basket_and_brings_its_intent(
    merchant: Merchant, gateway: FakeGateway
) -> None:
    session = open_session(merchant, intent={"statement_descriptor": "ADAS BOOKS"})

    intent = intent_of(session)
    assert (session.amount_total, session.currency, session.status) == (4900, "EUR", "open")
    assert (intent.amount, intent.currency, intent.status) == (4900, "EUR", "created")
    assert intent.statement_descriptor == "ADAS BOOKS"
    assert intent.description == "Tea, Teapot"
    assert intent.expires_at == session.expires_at
    assert intent.return_url.endswith(f"/pay/{session.id}")
    assert types_of(session) == ["checkout.session.created"]
    assert gateway.calls == []


@pytest.mark.parametrize(
    "items",
    [
        [],
        [TEA, LineItem(name="Scone", unit_amount=300, currency="GBP")],
    ],
)
def test_a_basket_without_one_currency_is_refused_and_leaves_nothing(
    merchant: Merchant, items: list[LineItem]
) -> None:
    with pytest.raises(LineItemsInvalid):
        open_session(merchant, items=items)

    assert not Session.objects.exists()
    assert not PaymentIntent.objects.exists()


@pytest.mark.parametrize("wait", [timedelta(minutes=29), timedelta(hours=25)])
def test_a_link_lives_half_an_hour_to_a_day(merchant: Merchant, wait: timedelta) -> None:
    now = timezone.now()

    with pytest.raises(InvalidParameter, match="30 minutes to 24 hours"):
        open_session(merchant, now=now, expires_at=now + wait)

    assert not PaymentIntent.objects.exists()


def test_paying_completes_the_session_in_the_same_request(
    merchant: Merchant, gateway: FakeGateway
) -> None:
    session = open_session(merchant)

    assert pay(session)

    assert intent_of(session).status == IntentStatus.SUCCEEDED
    assert (session.status, session.payment_status) == ("complete", "paid")
    assert types_of(session) == ["checkout.session.created", "checkout.session.completed"]
    assert [payment.amount_captured for payment in gateway.captures] == [4900]


def test_s4_6_the_same_try_twice_charges_once(merchant: Merchant, gateway: FakeGateway) -> None:
    gateway.script.append(decline("insufficient_funds"))
    session = open_session(merchant)

    assert pay(session)
    assert not pay(session)

    assert intent_of(session).attempt_count == 1
    assert gateway.count("create") == 1


def test_a_declined_card_may_be_followed_by_another_one(
    merchant: Merchant, gateway: FakeGateway
) -> None:
    gateway.script.append(decline("insufficient_funds"))
    session = open_session(merchant)
    first = intent_of(session).id

    pay(session)
    assert pay(session, tries=1)

    assert intent_of(session).id == first
    assert session.status == SessionStatus.COMPLETE
    assert len(gateway.captures) == 1


def test_after_a_card_that_must_never_be_tried_again_another_payment_takes_over(
    merchant: Merchant, gateway: FakeGateway
) -> None:
    gateway.script.append(decline("stolen_card", DeclineClass.TERMINAL))
    session = open_session(merchant, intent={"capture_method": "manual"})
    first = intent_of(session)

    pay(session)
    renewed = renew_payment(session=session, origin=PAYER, now=timezone.now())
    again = renew_payment(session=session, origin=PAYER, now=timezone.now())
    assert pay(session, tries=0)

    second = intent_of(session)
    assert renewed.id == again.id == second.id != first.id
    assert (second.amount, second.capture_method) == (4900, "manual")
    assert (second.status, session.status) == ("requires_capture", "complete")
    assert types_of(session) == [
        "checkout.session.created",
        "checkout.session.payment_replaced",
        "checkout.session.completed",
    ]
    first.refresh_from_db()
    assert first.status == IntentStatus.FAILED


def test_two_tabs_at_once_charge_once(
    transactional_db: None, merchant: Merchant, gateway: FakeGateway
) -> None:
    session = open_session(merchant)

    outcomes = race(session, lambda: pay(session), lambda: pay(session))

    assert len(gateway.captures) == 1
    assert intent_of(session).attempt_count == 1
    assert session.status == SessionStatus.COMPLETE
    assert True in outcomes


def test_a_paid_session_takes_no_second_payment(merchant: Merchant, gateway: FakeGateway) -> None:
    session = open_session(merchant)
    pay(session)

    with pytest.raises(SessionNotOpen):
        pay(session, tries=1)

    assert len(gateway.captures) == 1


def test_a_payment_settled_elsewhere_rings_for_its_session(
    merchant: Merchant, gateway: FakeGateway
) -> None:
    gateway.script.append(challenge())
    now = timezone.now()
    session = open_session(merchant, now=now)
    pay(session, now=now)
    attempt = intent_of(session).attempts.get()
    gateway.move(
        attempt.gateway_reference,
        state=PaymentState.CAPTURED,
        amount_captured=4900,
        charge_reference="ch_1",
    )
    sync_attempt(attempt_id=attempt.id, reference=attempt.gateway_reference, origin=PAYER, now=now)
    assert settle_due_sessions(now=now) == 0

    queue_news(list(Event.objects.values_list("pk", flat=True)))
    assert settle_due_sessions(now=timezone.now()) == 1

    session.refresh_from_db()
    assert (session.status, session.due_at) == ("complete", None)


def test_a_session_ends_with_its_time_and_its_intent_with_it(
    merchant: Merchant, gateway: FakeGateway
) -> None:
    now = timezone.now()
    session = open_session(merchant, now=now)
    late = now + timedelta(hours=24)

    assert settle_due_sessions(now=late - timedelta(seconds=1)) == 0
    assert settle_due_sessions(now=late) == 1

    assert intent_of(session).status == IntentStatus.CANCELED
    assert session.status == SessionStatus.EXPIRED
    with pytest.raises(SessionNotOpen):
        pay(session, now=late)
    assert gateway.calls == []


def test_a_session_waits_for_a_payment_on_its_way(merchant: Merchant, gateway: FakeGateway) -> None:
    gateway.script.append(pending)
    now = timezone.now()
    session = open_session(merchant, now=now)
    pay(session, now=now)
    late = now + timedelta(hours=24)

    settle_due_sessions(now=late)

    session.refresh_from_db()
    assert session.status == SessionStatus.OPEN
    assert session.due_at == late + timedelta(seconds=30)
    with pytest.raises(SessionBeingPaid):
        expire_session(
            scope=session.scope, session_id=session.id, origin=MERCHANT, now=timezone.now()
        )


def test_ac_96_a_challenge_left_behind_ends_at_the_gateway_with_the_session(
    merchant: Merchant, gateway: FakeGateway
) -> None:
    gateway.script.append(challenge())
    session = open_session(merchant)
    pay(session)

    expire_session(scope=session.scope, session_id=session.id, origin=MERCHANT, now=timezone.now())

    assert (intent_of(session).status, session.status) == ("canceled", "expired")
    assert [payment.state for payment in gateway.payments.values()] == [PaymentState.VOIDED]


def test_settling_twice_changes_nothing(merchant: Merchant, gateway: FakeGateway) -> None:
    session = open_session(merchant)
    pay(session)

    settle_session(session_id=session.id, now=timezone.now())

    assert types_of(session).count("checkout.session.completed") == 1


def change_in_silence(session: Session) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE checkout_session SET amount_total = 1 WHERE id = %s", [session.id])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_postgresql_keeps_a_session_with_its_history_and_its_own_intent(
    merchant: Merchant, gateway: FakeGateway
) -> None:
    first, second = open_session(merchant), open_session(merchant)

    with pytest.raises(IntegrityError, match="may not change without an event"):
        change_in_silence(first)
    with pytest.raises(IntegrityError, match="session_of_its_intent"), transaction.atomic():
        Session.objects.filter(pk=first.id).update(payment_intent_id=second.payment_intent_id)
    with pytest.raises(IntegrityError, match="session_complete_means_paid"), transaction.atomic():
        Session.objects.filter(pk=first.id).update(payment_status="paid")


def test_another_merchant_does_not_see_a_session(api: Any, gateway: FakeGateway) -> None:
    stranger = create_merchant(name="Bob", now=timezone.now())
    session = open_session(stranger)

    assert api.get(f"/v1/checkout/sessions/{session.id}").status_code == 404
    assert api.post(f"/v1/checkout/sessions/{session.id}/expire").status_code == 404


BASKET = {
    "mode": "payment",
    "line_items": [
        {
            "price_data": {
                "currency": "eur", "unit_amount": 4900, "product_data": {"name": "Tea"}
            }
        }
    ],
}  # fmt: skip


def test_the_payment_is_made_with_what_the_session_says(api: Any, gateway: FakeGateway) -> None:
    address = {"line1": "Main Street 1", "city": "Berlin", "country": "DE"}
    data = {
        "receipt_email": "ada@payer.example",
        "setup_future_usage": "off_session",
        "shipping": {"name": "Ada", "address": address},
        "statement_descriptor_suffix": "TEA",
    }

    made = api.post("/v1/checkout/sessions", {**BASKET, "payment_intent_data": data}).json()

    intent = PaymentIntent.objects.get(pk=made["payment_intent"])
    assert (intent.receipt_email, intent.setup_future_usage) == ("ada@payer.example", "off_session")
    assert intent.shipping is not None
    assert (intent.shipping["name"], intent.descriptor) == ("Ada", "TEA")


def test_notes_of_a_session_change_also_when_it_is_over(api: Any, gateway: FakeGateway) -> None:
    made = api.post("/v1/checkout/sessions", {**BASKET, "metadata": {"a": "1", "b": "2"}}).json()
    path = f"/v1/checkout/sessions/{made['id']}"

    merged = api.post(path, {"metadata": {"a": "", "c": "3"}}).json()
    api.post(f"{path}/expire")
    emptied = api.post(path, {"metadata": ""}).json()

    assert merged["metadata"] == {"b": "2", "c": "3"}
    assert (emptied["status"], emptied["metadata"]) == ("expired", {})
    assert types_of(Session.objects.get()) == [
        "checkout.session.created",
        "checkout.session.updated",
        "checkout.session.expired",
        "checkout.session.updated",
    ]


@pytest.mark.parametrize("name", ["setup_intent_data", "subscription_data"])
def test_data_for_another_mode_is_refused(api: Any, gateway: FakeGateway, name: str) -> None:
    refused = api.post("/v1/checkout/sessions", {**BASKET, name: {"description": "Tea"}})

    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (400, "parameter_invalid", name)
    assert not Session.objects.exists()


def test_what_the_page_does_not_offer_may_only_be_off(api: Any, gateway: FakeGateway) -> None:
    off = {
        "allow_promotion_codes": False,
        "automatic_tax": {"enabled": False},
        "billing_address_collection": "auto",
    }

    taken = api.post("/v1/checkout/sessions", {**BASKET, **off})
    refused = api.post("/v1/checkout/sessions", {**BASKET, "automatic_tax": {"enabled": True}})

    assert taken.json()["automatic_tax"]["enabled"] is False
    error = refused.json()["error"]
    assert (refused.status_code, error["param"]) == (400, "automatic_tax[enabled]")
    assert Session.objects.count() == 1
