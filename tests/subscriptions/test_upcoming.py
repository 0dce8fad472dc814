"""`invoice.upcoming`: told once per period, a week ahead, with the sums of the invoice to come."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.outbox.models import Event
from apps.subscriptions.models import Invoice, Subscription
from apps.subscriptions.services.clocks import advance_clock, create_clock, run_clocks
from apps.subscriptions.services.subscriptions import SubscriptionChange, update_subscription
from apps.subscriptions.services.upcoming import announce_invoices
from apps.subscriptions.tasks import run_billing
from tests.factories.payments import SCOPE, TESTER
from tests.factories.subscriptions import JANUARY, customer_with_card, day, price, subscribe
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

# The first period ends on the first of February.
WEEK_BEFORE = day("2025-01-25")


def told() -> list[dict[str, Any]]:
    rows = Event.objects.filter(type="invoice.upcoming").order_by("created_at", "id")
    return [event.object for event in rows]


def monthly(amount: int = 1000, **terms: Any) -> Subscription:
    return subscribe(customer_with_card(), price(amount, **terms), now=JANUARY)


def test_a_period_is_told_of_once_a_week_before_its_end(gateway: FakeGateway) -> None:
    subscription = monthly()

    assert announce_invoices(now=WEEK_BEFORE - timedelta(seconds=1)) == 0
    assert announce_invoices(now=WEEK_BEFORE) == 1
    assert announce_invoices(now=WEEK_BEFORE + timedelta(days=1)) == 0

    (invoice,) = told()
    assert invoice["id"].startswith("upcoming_in_")
    of = invoice["parent"]["subscription_details"]["subscription"]
    assert (of, invoice["amount_due"]) == (subscription.id, 1000)
    assert invoice["period_start"] == int(day("2025-02-01").timestamp())
    assert Invoice.objects.count() == 1
    subscription.refresh_from_db()
    assert subscription.current_period_end == day("2025-02-01")


def test_the_next_period_is_told_of_too(gateway: FakeGateway) -> None:
    monthly()
    announce_invoices(now=WEEK_BEFORE)
    run_billing(now=day("2025-02-01"))

    assert announce_invoices(now=day("2025-02-21")) == 0
    assert announce_invoices(now=day("2025-02-22")) == 1
    assert len(told()) == 2


def test_what_is_told_is_what_is_billed(gateway: FakeGateway) -> None:
    subscription = monthly(1999)
    announce_invoices(now=WEEK_BEFORE)
    run_billing(now=day("2025-02-01"))

    billed = Invoice.objects.filter(subscription=subscription).latest("created_at")
    (invoice,) = told()
    assert (invoice["total"], invoice["amount_due"]) == (billed.total, billed.amount_due)
    assert invoice["amount_due"] == 1999


@pytest.mark.parametrize("unit", ["day", "week"])
def test_a_period_shorter_than_the_notice_is_not_told_of(gateway: FakeGateway, unit: str) -> None:
    monthly(unit=unit)

    assert announce_invoices(now=JANUARY + timedelta(hours=1)) == 0
    assert told() == []


def test_who_leaves_at_the_end_of_the_period_gets_no_invoice(gateway: FakeGateway) -> None:
    subscription = monthly()
    update_subscription(
        scope=SCOPE,
        subscription_id=subscription.id,
        change=SubscriptionChange(fields={"cancel_at_period_end": True}),
        origin=TESTER,
        now=JANUARY,
    )

    assert announce_invoices(now=WEEK_BEFORE) == 0


def test_on_a_test_clock_it_is_told_at_its_time(gateway: FakeGateway) -> None:
    now = timezone.now()
    clock = create_clock(scope=SCOPE, name="", frozen_time=JANUARY, origin=TESTER, now=now)
    subscribe(customer_with_card(test_clock_id=clock.id), price(1000), now=now)
    advance_clock(
        scope=SCOPE, clock_id=clock.id, frozen_time=day("2025-04-01"), origin=TESTER, now=now
    )
    while run_clocks(now=now):
        pass

    at = [f"{event.created_at:%m-%d}" for event in Event.objects.filter(type="invoice.upcoming")]
    assert sorted(at) == ["01-25", "02-22", "03-25"]


def test_many_are_told_by_as_many_statements_as_one(gateway: FakeGateway) -> None:
    counts = []
    for many in (1, 5):
        for _ in range(many):
            monthly()
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert announce_invoices(now=WEEK_BEFORE) == many
        counts.append(len(captured))

    assert counts[0] == counts[1]
