"""Checkout sessions, setups and mandates: what support looks up when a payer got stuck."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.api.models import Merchant
from apps.api.services import create_merchant
from apps.backoffice.kit.display import moment
from apps.checkout.models import Session
from apps.checkout.services.sessions import Basket, LineItem, create_subscription_session
from apps.checkout.states import SessionStatus
from apps.setups.models import SetupIntent
from apps.setups.states import SetupStatus
from tests.backoffice.house import House, audited, furnish
from tests.factories.checkout import MERCHANT, open_session, pay
from tests.factories.payments import SCOPE
from tests.factories.subscriptions import price
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]


@pytest.fixture
def house(db: None, gateway: FakeGateway) -> House:
    return furnish(gateway)


@pytest.fixture
def shop(db: None, gateway: FakeGateway) -> Merchant:
    return create_merchant(name="Tea", now=timezone.now())


def page_of(client: Client, screen: str, pk: str) -> Any:
    return client.get(reverse(f"admin:{screen}_change", args=[pk]))


def press(client: Client, screen: str, pk: str, dialog: str, **answers: str) -> Any:
    url = reverse(f"admin:{screen}_dialog", args=[pk, dialog])
    return client.post(url, {"nonce": str(uuid.uuid4()), **answers})


def test_a_session_is_found_by_its_payment_and_leads_to_it(
    shop: Merchant, enter_as: EnterAs
) -> None:
    session = open_session(shop)
    client = enter_as("support_agent")

    found = client.get(
        reverse("admin:checkout_session_changelist"), {"q": session.payment_intent_id}
    )
    page = page_of(client, "checkout_session", session.pk)

    assert [row.pk for row in found.context["cl"].result_list] == [session.pk]
    assert page.context["page"].heading == "49.00\u00a0EUR"
    text = page.content.decode()
    assert reverse("admin:payments_paymentintent_change", args=[session.payment_intent_id]) in text
    basket = page.context["page"].main[0]
    assert basket.rows[0] == ("Tea", "2", "4.50\u00a0EUR", "9.00\u00a0EUR")


def test_a_session_tells_until_when_its_subscription_is_free(
    gateway: FakeGateway, enter_as: EnterAs
) -> None:
    end = datetime(2027, 1, 31, 12, tzinfo=UTC)
    session = create_subscription_session(
        scope=SCOPE,
        basket=Basket(items=[LineItem(price_id=price().id)], trial_end=end),
        origin=MERCHANT,
        now=datetime(2027, 1, 4, tzinfo=UTC),
    )

    page = page_of(enter_as("support_agent"), "checkout_session", session.pk).context["page"]

    details = dict(page.side[-1].rows)
    assert page.heading == "0.00\u00a0EUR"
    assert details["Trial until"] == moment(end)


def test_the_link_is_offered_to_be_sent_while_it_works(shop: Merchant, enter_as: EnterAs) -> None:
    session = open_session(shop)
    client = enter_as("support_agent")

    before = page_of(client, "checkout_session", session.pk).content.decode()
    pay(session)
    after = page_of(client, "checkout_session", session.pk).content.decode()

    assert f"/pay/{session.pk}" in before
    assert f"/pay/{session.pk}" not in after


def test_a_link_that_is_taken_back_charges_nobody_and_stands_in_the_audit_trail(
    shop: Merchant, enter_as: EnterAs
) -> None:
    session = open_session(shop)

    answer = press(
        enter_as("support_lead"), "checkout_session", session.pk, "expire", reason="Wrong price."
    )

    assert answer.status_code == 302
    session.refresh_from_db()
    assert session.status == SessionStatus.EXPIRED
    done = audited()
    assert (done.action, done.reason, done.before["status"], done.after["status"]) == (
        "session.expire", "Wrong price.", "open", "expired",
    )  # fmt: skip


def test_a_paid_link_cannot_be_taken_back(shop: Merchant, enter_as: EnterAs) -> None:
    session = open_session(shop)
    pay(session)

    answer = press(enter_as("support_lead"), "checkout_session", session.pk, "expire", reason="No.")

    assert answer.status_code == 422
    assert Session.objects.get(pk=session.pk).status == SessionStatus.COMPLETE


def test_a_setup_is_canceled_with_a_reason(house: House, enter_as: EnterAs) -> None:
    answer = press(
        enter_as("support_lead"), "setups_setupintent", house.setup.pk, "cancel", reason="Asked to."
    )

    assert answer.status_code == 302
    assert SetupIntent.objects.get(pk=house.setup.pk).status == SetupStatus.CANCELED


def test_what_proves_a_mandate_is_for_those_who_may_see_people(
    house: House, enter_as: EnterAs
) -> None:
    proof = "203.0.113.9"

    seen = page_of(enter_as("support_agent"), "vault_mandate", house.mandate.pk).content.decode()
    kept = page_of(enter_as("auditor"), "vault_mandate", house.mandate.pk).content.decode()

    assert proof in seen
    assert proof not in kept
    assert house.mandate.reference in kept


def test_a_method_shows_its_mandate(house: House, superuser_client: Client) -> None:
    page = page_of(superuser_client, "vault_paymentmethod", house.mandate.payment_method_id)

    url = reverse("admin:vault_mandate_change", args=[house.mandate.pk])
    assert f'href="{url}"' in page.content.decode()
