"""The back-office's screens of billing."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.api.services import create_merchant
from apps.backoffice.kit.columns import plain
from apps.subscriptions.models import DunningPolicy, Invoice, Subscription, TestClock
from apps.subscriptions.services.catalog import create_row
from apps.subscriptions.services.changes import ProrationBehavior
from apps.subscriptions.services.clocks import create_clock
from tests.backoffice.conftest import enter, superuser_client
from tests.factories.payments import SCOPE, TESTER
from tests.factories.subscriptions import (
    customer_with_card,
    invoices_of,
    price,
    product,
    subscribe,
)
from tests.fake_gateway import FakeGateway, decline

__all__ = ["enter", "superuser_client"]  # fixtures

pytestmark = pytest.mark.django_db

HOME = "/admin/subscriptions"
MAX_STATEMENTS = 12


@pytest.fixture
def now() -> datetime:
    return timezone.now()


def send(client: Client, url: str, **answers: Any) -> Any:
    """Open a dialog and send it, as a browser does."""
    form = client.get(url).content.decode()
    found = re.search(r'name="nonce" value="([0-9a-f-]+)"', form)
    assert found, form[:2000]
    return client.post(url, {"nonce": found[1], "reason": "Asked for.", **answers})


def test_a_subscription_shows_its_worth_its_invoices_and_the_next(
    superuser_client: Client, gateway: FakeGateway
) -> None:
    subscription = subscribe(customer_with_card(), price(1050), quantity=2)

    listed = superuser_client.get(f"{HOME}/subscription/")
    page = superuser_client.get(f"{HOME}/subscription/{subscription.id}/change/")

    assert subscription.id in listed.content.decode()
    assert "2 x Gold" in listed.content.decode()
    text = page.content.decode()
    assert "21.00\u00a0EUR a month" in text
    assert "Upcoming invoice" in text
    assert "INV-000001" in text


@pytest.mark.parametrize(
    "screen", ["subscription", "invoice", "dunningpolicy", "revenuechange", "testclock"]
)
def test_lists_of_billing_do_not_ask_more_for_more_rows(
    superuser_client: Client, gateway: FakeGateway, now: datetime, screen: str
) -> None:
    counts = []
    for _ in range(2):
        for number in range(3):
            clock = create_clock(scope=SCOPE, name="", frozen_time=now, origin=TESTER, now=now)
            create_row(DunningPolicy(name=f"P{number}"), scope=SCOPE, origin=TESTER, now=now)
            gateway.script = [decline("insufficient_funds")]
            subscribe(customer_with_card(now=now, test_clock_id=clock.id), price(100), now=now)
        with CaptureQueriesContext(connection) as captured:
            assert superuser_client.get(f"{HOME}/{screen}/").status_code == 200
        counts.append(len(captured))

    assert counts[0] == counts[1]
    assert counts[1] <= MAX_STATEMENTS


def test_a_plan_is_changed_only_after_the_invoice_that_follows_was_seen(
    superuser_client: Client, gateway: FakeGateway, now: datetime
) -> None:
    gold = product()
    subscription = subscribe(customer_with_card(), price(1000, of=gold), now=now)
    wanted = price(3000, of=gold)
    answers = {
        "item": subscription.items.get().id,
        "price": wanted.id,
        "quantity": 2,
        "proration": ProrationBehavior.ALWAYS_INVOICE.value,
    }
    url = f"{HOME}/subscription/{subscription.id}/do/change-plan/"

    preview = send(superuser_client, url, **answers)

    text = preview.content.decode()
    assert preview.status_code == 422
    assert "Look at the invoice above" in text
    assert "50.00\u00a0EUR" in text
    assert subscription.items.get().price_id != wanted.id

    seen = re.search(r'name="seen" value="([0-9a-f]+)"', text)
    assert seen
    done = send(superuser_client, url, seen=seen[1], **answers)

    assert done.status_code == 302
    item = subscription.items.get()
    assert (item.price_id, item.quantity) == (wanted.id, 2)
    assert Subscription.objects.get().monthly_revenue == 6000
    assert [invoice.status for invoice in invoices_of(subscription)] == ["paid", "paid"]


def test_collection_is_paused_and_resumed(
    superuser_client: Client, gateway: FakeGateway, now: datetime
) -> None:
    subscription = subscribe(customer_with_card(), price(1000), now=now)
    url = f"{HOME}/subscription/{subscription.id}/do"

    paused = send(superuser_client, f"{url}/pause-collection/", behavior="void")
    assert paused.status_code == 302
    assert Subscription.objects.get().pause_behavior == "void"

    send(superuser_client, f"{url}/resume-subscription/")
    assert Subscription.objects.get().pause_behavior == ""


def test_a_subscription_is_canceled_for_later_thought_better_of_and_ended(
    superuser_client: Client, gateway: FakeGateway, now: datetime
) -> None:
    subscription = subscribe(customer_with_card(), price(1000), now=now)
    url = f"{HOME}/subscription/{subscription.id}/do"

    send(superuser_client, f"{url}/cancel-subscription/", when="period_end")
    assert Subscription.objects.get().cancel_at_period_end is True
    send(superuser_client, f"{url}/resume-subscription/")
    assert Subscription.objects.get().cancel_at_period_end is False
    send(superuser_client, f"{url}/cancel-subscription/", when="now")

    row = Subscription.objects.get()
    assert row.status == "canceled"
    assert row.monthly_revenue == 0


def test_an_invoice_is_charged_and_a_decline_is_told(
    superuser_client: Client, gateway: FakeGateway, now: datetime
) -> None:
    gateway.script = [decline("insufficient_funds"), decline("insufficient_funds")]
    [invoice] = invoices_of(subscribe(customer_with_card(), price(1000), now=now))
    url = f"{HOME}/invoice/{invoice.id}/do/charge-invoice/"

    refused = send(superuser_client, url)
    assert refused.status_code == 422
    assert Invoice.objects.get().status == "open"
    paid = send(superuser_client, url)

    assert paid.status_code == 302
    assert Invoice.objects.get().status == "paid"


def test_an_invoice_is_written_off_and_voided(
    superuser_client: Client, gateway: FakeGateway, now: datetime
) -> None:
    gateway.script = [decline("insufficient_funds")]
    [invoice] = invoices_of(subscribe(customer_with_card(), price(1000), now=now))

    send(superuser_client, f"{HOME}/invoice/{invoice.id}/do/write-off-invoice/")
    assert Invoice.objects.get().status == "uncollectible"
    send(superuser_client, f"{HOME}/invoice/{invoice.id}/do/void-invoice/")

    assert Invoice.objects.get().status == "void"


def test_an_invoice_shows_its_lines(superuser_client: Client, gateway: FakeGateway) -> None:
    [invoice] = invoices_of(subscribe(customer_with_card(), price(1050)))

    listed = superuser_client.get(f"{HOME}/invoice/")
    page = superuser_client.get(f"{HOME}/invoice/{invoice.id}/change/")

    assert "INV-000001" in listed.content.decode()
    assert "1 x Gold" in page.content.decode()
    assert f"/invoices/{invoice.access_token}" in page.content.decode()


def test_a_clock_is_made_advanced_and_deleted(
    superuser_client: Client, gateway: FakeGateway, now: datetime
) -> None:
    merchant = create_merchant(name="Ada's books", now=now)
    create = f"{HOME}/testclock/do/create-clock/"

    send(superuser_client, create, merchant=merchant.id, name="Year", stands_at="2027-01-01T00:00")
    clock = TestClock.objects.get()
    url = f"{HOME}/testclock/{clock.id}"
    send(superuser_client, f"{url}/do/advance-clock/", until="2027-02-01T00:00")

    clock.refresh_from_db()
    assert (clock.status, clock.target_time) == ("advancing", datetime(2027, 2, 1, tzinfo=UTC))
    send(superuser_client, f"{url}/do/delete-clock/")
    assert "Year" not in superuser_client.get(f"{HOME}/testclock/").content.decode()


def test_the_list_of_clocks_counts_what_hangs_on_each(
    superuser_client: Client, gateway: FakeGateway, now: datetime
) -> None:
    busy, idle = (
        create_clock(scope=SCOPE, name=name, frozen_time=now, origin=TESTER, now=now)
        for name in ("Busy", "Idle")
    )
    customer = customer_with_card(now=now, test_clock_id=busy.id)
    due = [subscribe(customer, price(100), now=now).due_at for _ in range(2)]

    rows = superuser_client.get(f"{HOME}/testclock/").context["cl"].result_list
    screen: Any = admin.site.get_model_admin(TestClock)

    first = min(at for at in due if at is not None)
    assert {row.pk: plain(screen.coming(row)) for row in rows} == {
        busy.pk: f"2 next: {first:%d %b %Y %H:%M}",
        idle.pk: "\u2013",
    }


def test_a_clock_shows_what_is_coming(
    superuser_client: Client, gateway: FakeGateway, now: datetime
) -> None:
    clock = create_clock(scope=SCOPE, name="", frozen_time=now, origin=TESTER, now=now)
    customer = customer_with_card(now=now, test_clock_id=clock.id)
    subscription = subscribe(customer, price(1000), now=now, trial_days=14)

    page = superuser_client.get(f"{HOME}/testclock/{clock.id}/change/").content.decode()

    assert "Remind" in page
    assert f"{now + timedelta(days=11):%d %b %Y}" in page
    assert subscription.id in page


def test_dunning_shows_its_funnel_and_its_mails(
    superuser_client: Client, gateway: FakeGateway, now: datetime
) -> None:
    gateway.script = [decline("insufficient_funds")]
    [invoice] = invoices_of(subscribe(customer_with_card(), price(1000), now=now))
    send(superuser_client, f"{HOME}/invoice/{invoice.id}/do/charge-invoice/")

    text = superuser_client.get(f"{HOME}/dunningpolicy/").content.decode()

    assert "1 failed, 100% of what is decided was recovered" in text
    assert "Before the first retry" in text
    assert "Your payment of €49.00 failed" in text
    assert "Ihre Zahlung über 49,00\u00a0€ ist fehlgeschlagen" in text


def test_revenue_shows_its_months_and_changes(
    superuser_client: Client, gateway: FakeGateway, now: datetime
) -> None:
    subscription = subscribe(customer_with_card(), price(12345), now=now)

    text = superuser_client.get(f"{HOME}/revenuechange/").content.decode()

    assert f"{now:%b %Y}" in text
    assert "123.45\u00a0EUR" in text
    assert subscription.id in text
