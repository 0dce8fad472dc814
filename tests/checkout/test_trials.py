"""Sessions in subscription mode with a trial: the card is saved first, then it begins for free."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from apps.checkout.models import Session
from apps.checkout.services.sessions import queue_news, settle_due_sessions
from apps.customers.models import Customer
from apps.gateways.base import Decline, DeclineClass, SetupResult, SetupState
from apps.outbox.history import find_differences
from apps.outbox.models import Event
from apps.payments.models import PaymentIntent
from apps.setups.models import SetupIntent
from apps.setups.services.setups import finish_setup
from apps.subscriptions.models import Invoice, Subscription
from apps.vault.models import PaymentMethod
from tests.checkout.test_subscription_mode import event_types, make_price, open_session, press, show
from tests.factories.checkout import PAYER
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

DAYS = {"subscription_data": {"trial_period_days": 14}}
REFUSED = SetupResult(
    state=SetupState.FAILED,
    reference="",
    decline=Decline(code="expired_card", error_class=DeclineClass.TERMINAL),
)
CHALLENGE = SetupResult(
    state=SetupState.REQUIRES_ACTION, reference="", action_url="https://bank.example/3ds"
)


def make_customer(api: Any) -> str:
    return str(api.post("/v1/customers", {"email": "ada@payer.example"}).json()["id"])


def unix(moment: datetime) -> int:
    return int(moment.timestamp())


def test_a_payer_saves_a_card_and_the_trial_begins(api: Any, gateway: FakeGateway) -> None:
    session = open_session(api, **DAYS)
    page = show(session)
    assert re.search(r"Free until [A-Z][a-z]+ \d+, \d{4}\. Then it renews by itself: €98\.00", page)
    assert "Start the trial" in page
    assert "Due today</span> <bdi>€0.00" in page
    assert not Subscription.objects.exists()
    assert not Customer.objects.exists()

    press(session)

    shown = api.get(f"/v1/checkout/sessions/{session.id}").json()
    subscription, method = Subscription.objects.get(), PaymentMethod.objects.get()
    assert (shown["status"], shown["payment_status"]) == ("complete", "no_payment_required")
    assert (shown["subscription"], shown["amount_total"]) == (subscription.id, 0)
    assert (shown["setup_intent"], shown["payment_intent"]) == (None, None)
    assert shown["payment_method_collection"] == "always"
    assert (subscription.status, subscription.customer_id) == ("trialing", shown["customer"])
    assert subscription.trial_end is not None
    assert subscription.trial_end - subscription.started_at == timedelta(days=14)
    assert subscription.default_payment_method_id == method.id
    assert method.customer_id == shown["customer"]
    assert Customer.objects.get().email == "ada@payer.example"
    assert list(Invoice.objects.values_list("status", "total")) == [("paid", 0)]
    assert not PaymentIntent.objects.exists()
    assert gateway.count("create") == 0
    assert event_types(session) == [
        "checkout.session.created",
        "checkout.session.customer_created",
        "checkout.session.subscription_created",
        "checkout.session.completed",
    ]
    assert "Thank you, your trial has begun" in show(session)
    assert list(find_differences()) == []


def test_a_trial_may_end_at_a_named_time(api: Any, gateway: FakeGateway) -> None:
    end = unix(timezone.now() + timedelta(days=30))
    session = open_session(api, subscription_data={"trial_end": end, "description": "Readers"})

    press(session)

    subscription = Subscription.objects.get()
    assert subscription.trial_end is not None
    assert (unix(subscription.trial_end), subscription.description) == (end, "Readers")


def test_a_trial_costs_nothing_today_in_any_line(api: Any, gateway: FakeGateway) -> None:
    session = open_session(api, **DAYS)

    items = api.get(f"/v1/checkout/sessions/{session.id}/line_items").json()["data"]

    assert [(item["quantity"], item["amount_total"]) for item in items] == [(2, 0)]


def test_a_refused_card_begins_no_trial_and_another_one_does(
    api: Any, gateway: FakeGateway
) -> None:
    session = open_session(api, **DAYS)
    gateway.setup_script.append(REFUSED)

    press(session)
    assert "The card has expired." in show(session)
    assert (session.status, Subscription.objects.count()) == ("open", 0)
    press(session)

    assert (session.status, Subscription.objects.get().status) == ("complete", "trialing")
    assert Customer.objects.count() == 1


def test_two_presses_of_one_page_begin_one_trial(api: Any, gateway: FakeGateway) -> None:
    session = open_session(api, **DAYS)

    for _ in range(2):
        press(session, offered=f"{session.setup_intent_id}.0")

    assert Subscription.objects.count() == 1
    assert gateway.count("set_up") == 1


def test_the_trial_begins_when_the_bank_has_seen_the_payer(api: Any, gateway: FakeGateway) -> None:
    session = open_session(api, **DAYS)
    gateway.setup_script.append(CHALLENGE)
    press(session)
    assert "Continue to your bank" in show(session)
    assert not Subscription.objects.exists()
    setup = SetupIntent.objects.get()
    gateway.setups[setup.gateway_reference] = SetupResult(
        state=SetupState.SUCCEEDED, reference=setup.gateway_reference
    )
    finish_setup(setup_id=setup.id, answer={}, origin=PAYER, now=timezone.now())

    queue_news(list(Event.objects.values_list("pk", flat=True)))
    assert settle_due_sessions(now=timezone.now()) == 1

    session.refresh_from_db()
    assert (session.status, Subscription.objects.get().status) == ("complete", "trialing")


def test_a_link_taken_back_leaves_neither_trial_nor_customer(
    api: Any, gateway: FakeGateway
) -> None:
    session = open_session(api, **DAYS)

    expired = api.post(f"/v1/checkout/sessions/{session.id}/expire").json()

    assert expired["status"] == "expired"
    assert SetupIntent.objects.get().status == "canceled"
    assert not Subscription.objects.exists()
    assert not Customer.objects.exists()


@pytest.mark.parametrize(
    ("data", "code", "param"),
    [
        ({"trial_period_days": 0}, "parameter_invalid", "subscription_data[trial_period_days]"),
        ({"trial_period_days": 731}, "parameter_invalid", "subscription_data[trial_period_days]"),
        ({"trial_end": 1_000_000_000}, "trial_end_invalid", "subscription_data[trial_end]"),
        (
            {"trial_end": 4_000_000_000, "trial_period_days": 3},
            "parameter_invalid",
            "subscription_data[trial_end]",
        ),
        ({"trial_end": 4_000_000_000}, "trial_end_invalid", "subscription_data[trial_end]"),
    ],
)
def test_a_trial_that_cannot_be_is_refused(
    api: Any, gateway: FakeGateway, data: dict[str, int], code: str, param: str
) -> None:
    lines = [{"price": make_price(api)}]

    refused = api.post(
        "/v1/checkout/sessions",
        {"mode": "subscription", "line_items": lines, "subscription_data": data},
    )

    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (400, code, param)
    assert not Session.objects.exists()
    assert not SetupIntent.objects.exists()


def test_a_trial_ends_later_than_the_link(api: Any, gateway: FakeGateway) -> None:
    soon = unix(timezone.now() + timedelta(hours=23))

    refused = api.post(
        "/v1/checkout/sessions",
        {
            "mode": "subscription",
            "line_items": [{"price": make_price(api)}],
            "subscription_data": {"trial_end": soon},
        },
    )

    error = refused.json()["error"]
    assert (refused.status_code, error["param"]) == (400, "subscription_data[trial_end]")
    assert not Session.objects.exists()


def test_only_a_subscription_has_a_trial(api: Any, gateway: FakeGateway) -> None:
    refused = api.post("/v1/checkout/sessions", {"mode": "setup", **DAYS})

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "subscription_data")
    assert not SetupIntent.objects.exists()


def test_ac_037_who_has_tried_it_gets_no_other_trial(api: Any, gateway: FakeGateway) -> None:
    price, owner = make_price(api), make_customer(api)
    request = {
        "mode": "subscription", "customer": owner, "line_items": [{"price": price}], **DAYS,
    }  # fmt: skip
    first, second = (
        Session.objects.get(pk=api.post("/v1/checkout/sessions", request).json()["id"])
        for _ in range(2)
    )

    press(first)
    press(second)
    refused = api.post("/v1/checkout/sessions", request)

    assert (first.status, second.status) == ("complete", "open")
    assert Subscription.objects.count() == 1
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (
        400,
        "trial_already_used",
        "subscription_data",
    )


def test_a_trial_used_while_the_bank_looked_ends_the_session_and_charges_nothing(
    api: Any, gateway: FakeGateway
) -> None:
    price, owner = make_price(api), make_customer(api)
    lines = [{"price": price}]
    request = {"mode": "subscription", "customer": owner, "line_items": lines, **DAYS}
    session = Session.objects.get(pk=api.post("/v1/checkout/sessions", request).json()["id"])
    gateway.setup_script.append(CHALLENGE)
    press(session)
    elsewhere = {"customer": owner, "items": lines, "trial_period_days": 7}
    assert api.post("/v1/subscriptions", elsewhere).json()["status"] == "trialing"
    setup = SetupIntent.objects.get()
    gateway.setups[setup.gateway_reference] = SetupResult(
        state=SetupState.SUCCEEDED, reference=setup.gateway_reference
    )
    finish_setup(setup_id=setup.id, answer={}, origin=PAYER, now=timezone.now())

    page = show(session)

    session.refresh_from_db()
    assert (session.status, session.subscription_id) == ("expired", "")
    assert "This link has expired" in page
    assert Subscription.objects.count() == 1
    assert gateway.count("create") == 0
    assert list(find_differences()) == []


def test_the_page_speaks_of_the_trial_in_the_payers_language(
    api: Any, gateway: FakeGateway
) -> None:
    session = open_session(api, locale="de", **DAYS)

    page = Client().get(f"/pay/{session.id}").content.decode()

    assert "Heute fällig" in page
    assert "Kostenlos bis" in page
    assert "Probezeit beginnen" in page


def test_postgresql_knows_no_free_session_without_a_trial(api: Any, gateway: FakeGateway) -> None:
    session = open_session(api, **DAYS)

    with (
        pytest.raises(IntegrityError, match="session_has_what_its_mode_needs"),
        transaction.atomic(),
    ):
        Session.objects.filter(pk=session.pk).update(trial_days=None)
