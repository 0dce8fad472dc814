"""Test clocks: a year in seconds, in order, for their customers only."""

from datetime import datetime

import pytest
from django.utils import timezone

from apps.common.origin import Scope
from apps.subscriptions.errors import ClockInvalid, ClockLive, ClockRunning
from apps.subscriptions.models import Invoice, Subscription, TestClock
from apps.subscriptions.services.clocks import (
    advance_clock,
    create_clock,
    delete_clock,
    run_clocks,
)
from apps.subscriptions.tasks import run_billing
from tests.factories.payments import SCOPE, TESTER
from tests.factories.subscriptions import (
    JANUARY,
    customer_with_card,
    day,
    invoices_of,
    price,
    subscribe,
)
from tests.fake_gateway import FakeGateway, decline

pytestmark = pytest.mark.django_db


def clock_at(moment: datetime) -> TestClock:
    return create_clock(scope=SCOPE, name="", frozen_time=moment, origin=TESTER, now=timezone.now())


def advance(clock: TestClock, to: datetime) -> TestClock:
    now = timezone.now()
    advance_clock(scope=SCOPE, clock_id=clock.id, frozen_time=to, origin=TESTER, now=now)
    while run_clocks(now=now):
        pass
    return TestClock.objects.get(pk=clock.id)


def test_a_year_of_a_monthly_plan_is_twelve_more_invoices(gateway: FakeGateway) -> None:
    clock = clock_at(JANUARY)
    customer = customer_with_card(test_clock_id=clock.id)
    subscription = subscribe(customer, price(1000), now=timezone.now())
    assert subscription.period.start == JANUARY

    clock = advance(clock, day("2026-01-01"))

    assert (clock.status, clock.frozen_time) == ("ready", day("2026-01-01"))
    invoices = invoices_of(subscription)
    assert len(invoices) == 13
    assert {invoice.status for invoice in invoices} == {"paid"}
    assert [f"{invoice.created_at:%m-%d}" for invoice in invoices[:3]] == [
        "01-01", "02-01", "03-01",
    ]  # fmt: skip
    assert len(gateway.captures) == 13


def test_dunning_follows_the_clock(gateway: FakeGateway) -> None:
    clock = clock_at(JANUARY)
    subscription = subscribe(
        customer_with_card(test_clock_id=clock.id), price(1000), now=timezone.now()
    )
    gateway.script = [decline("insufficient_funds")] * 5

    advance(clock, day("2025-02-04"))
    assert Subscription.objects.get(pk=subscription.id).status == "past_due"
    assert invoices_of(subscription)[1].next_payment_attempt == day("2025-02-06")

    advance(clock, day("2025-02-08"))
    row = Subscription.objects.get(pk=subscription.id)
    assert (row.status, row.ended_at) == ("canceled", day("2025-02-08"))


def test_real_time_does_not_touch_those_on_a_clock(gateway: FakeGateway) -> None:
    clock = clock_at(JANUARY)
    subscribe(customer_with_card(test_clock_id=clock.id), price(1000), now=timezone.now())

    assert run_billing(now=timezone.now()) == 0
    assert Invoice.objects.count() == 1


def test_a_clock_goes_forward_only_and_not_while_it_moves(gateway: FakeGateway) -> None:
    clock = clock_at(JANUARY)
    step = {"scope": SCOPE, "clock_id": clock.id, "origin": TESTER, "now": timezone.now()}

    with pytest.raises(ClockInvalid):
        advance_clock(frozen_time=JANUARY, **step)  # type: ignore[arg-type]
    with pytest.raises(ClockInvalid):
        advance_clock(frozen_time=day("2035-01-01"), **step)  # type: ignore[arg-type]
    advance_clock(frozen_time=day("2025-02-01"), **step)  # type: ignore[arg-type]
    with pytest.raises(ClockRunning):
        advance_clock(frozen_time=day("2025-03-01"), **step)  # type: ignore[arg-type]

    assert TestClock.objects.get(pk=clock.id).frozen_time == JANUARY


def test_there_are_no_clocks_in_live_mode() -> None:
    with pytest.raises(ClockLive):
        create_clock(
            scope=Scope("mer_test", livemode=True),
            name="",
            frozen_time=JANUARY,
            origin=TESTER,
            now=timezone.now(),
        )

    assert not TestClock.objects.exists()


def test_a_deleted_clock_ends_its_subscriptions(gateway: FakeGateway) -> None:
    clock = clock_at(JANUARY)
    subscription = subscribe(
        customer_with_card(test_clock_id=clock.id), price(1000), now=timezone.now()
    )

    delete_clock(scope=SCOPE, clock_id=clock.id, origin=TESTER, now=timezone.now())

    assert Subscription.objects.get(pk=subscription.id).status == "canceled"
