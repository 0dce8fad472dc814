"""
A year of a mixed book on one test clock: money balances, periods are billed once.

`YEAR_BOOK=1000 python -m pytest tests/subscriptions/test_year.py` lives it with a thousand.
"""

import os
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from django.db.models import F, Sum
from django.utils import timezone

from apps.gateways.base import DeclineClass
from apps.ledger.models import Posting
from apps.subscriptions.figures import read_revenue
from apps.subscriptions.models import (
    BalanceTransaction,
    Invoice,
    InvoiceLine,
    Price,
    RevenueChange,
    Subscription,
    SubscriptionItem,
    TestClock,
)
from apps.subscriptions.policies.mrr import Movement, kept, monthly, movement
from apps.subscriptions.policies.time import Interval, IntervalUnit
from apps.subscriptions.selectors import load_contracts
from apps.subscriptions.services.changes import ContractChange, ItemChange
from apps.subscriptions.services.clocks import advance_clock, create_clock, run_clocks
from apps.subscriptions.services.subscriptions import SubscriptionChange, update_subscription
from tests.factories.payments import SCOPE, TESTER
from tests.factories.subscriptions import JANUARY, customer_with_card, price, product, subscribe
from tests.fake_gateway import FakeGateway, Line, decline

pytestmark = pytest.mark.django_db

ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"]
BOOK = int(os.environ.get("YEAR_BOOK", "16"))
# Every eighth pays by the year, the quarter or the week; of the others some begin on the last days
# of a month, which later months do not have, and some with a trial.
OTHER_PLAN = 7
TERMS: list[dict[str, Any]] = [
    {},
    {"anchor": JANUARY + timedelta(days=30, hours=9)},
    {"trial_days": 14},
    {"anchor": JANUARY + timedelta(days=29, minutes=1)},
    {"anchor": JANUARY + timedelta(days=28, hours=23)},
]
SERVED = {"active", "past_due", "trialing"}


def revenue() -> dict[str, Fraction]:
    """Return the monthly revenue of each subscription that is served."""
    rows = list(Subscription.objects.filter(status__in=SERVED))
    return {
        contract.subscription.id: sum(
            (monthly(item.amount, contract.interval) for item in contract.items), Fraction(0)
        )
        for contract in load_contracts(rows)
    }


def moody(random: Random) -> list[Line]:
    """Return a year of answers: most cards work, some have no money, few are gone."""
    works: Line = lambda result: result  # noqa: E731
    choices = [works] * 16 + [decline("insufficient_funds")] * 3
    return random.choices([*choices, decline("stolen_card", DeclineClass.TERMINAL)], k=170 * BOOK)


def change_some(random: Random, plans: list[Price]) -> None:
    """Let a few customers up- or downgrade."""
    alive = Subscription.objects.filter(status="active", items__price__in=plans).order_by("id")
    for subscription in random.sample(list(alive), k=min(max(3, BOOK // 20), alive.count())):
        item = SubscriptionItem.objects.filter(subscription=subscription).get()
        wanted = random.choice([plan for plan in plans if plan.id != item.price_id])
        change = ItemChange(item_id=item.id, price_id=wanted.id, quantity=random.randint(1, 5))
        update_subscription(
            scope=SCOPE,
            subscription_id=subscription.id,
            change=SubscriptionChange(contract=ContractChange(items=(change,))),
            origin=TESTER,
            now=timezone.now(),
        )


def test_a_year_of_a_mixed_book_balances(gateway: FakeGateway) -> None:
    random = Random(7)  # noqa: S311 - the same year each time
    gold = product()
    plans = [price(amount, of=gold) for amount in (900, 2500, 9900)]
    clock = create_clock(
        scope=SCOPE, name="", frozen_time=JANUARY, origin=TESTER, now=timezone.now()
    )
    others = [price(24000, unit="year"), price(7000, count=3), price(500, unit="week")]
    for place in range(BOOK):
        customer = customer_with_card(test_clock_id=clock.id, time_zone=ZONES[place % len(ZONES)])
        plan = others[place // 8 % 3] if place % 8 == OTHER_PLAN else random.choice(plans)
        terms = TERMS[place % len(TERMS)] if plan in plans else {}
        subscribe(customer, plan, now=timezone.now(), quantity=place % 3 + 1, **terms)
    gateway.script = moody(random)

    moved, first = [], revenue()
    before = first
    for month in range(1, 13):
        # The 31st, 28th, ...: month ends, and the changes of the clocks lie on the way.
        to = JANUARY + timedelta(days=30.4 * month)
        advance_clock(
            scope=SCOPE, clock_id=clock.id, frozen_time=to, origin=TESTER, now=timezone.now()
        )
        while run_clocks(now=timezone.now()):
            pass
        change_some(random, plans)
        after = revenue()
        moved.append(movement(before, after))
        before = after

    assert TestClock.objects.get().status == "ready"
    check_books(gateway)
    check_periods()
    check_revenue(first, before, moved)


def check_books(gateway: FakeGateway) -> None:
    """What the gateway took is what invoices were paid; every entry balances; credit agrees."""
    paid = Invoice.objects.aggregate(total=Sum("amount_paid"))["total"]
    assert sum(payment.amount_captured for payment in gateway.captures) == paid
    by_layer = Posting.objects.values("layer", "currency").annotate(total=Sum("amount"))
    assert {row["total"] for row in by_layer} == {0}
    for invoice in Invoice.objects.exclude(status="draft"):
        lines = InvoiceLine.objects.filter(invoice=invoice)
        assert sum(line.amount for line in lines) == invoice.subtotal
    changes = BalanceTransaction.objects.aggregate(total=Sum("amount"))["total"] or 0
    last: dict[str, int] = {}
    for row in BalanceTransaction.objects.order_by("customer_id", "sequence"):
        last[row.customer_id] = row.ending_balance
    assert sum(last.values()) == changes


def check_periods() -> None:
    """Each subscription's billed periods follow each other and its calendar, without a gap."""
    periods = defaultdict(list)
    cycles = Invoice.objects.filter(
        billing_reason__in=["subscription_create", "subscription_cycle"]
    )
    for invoice in cycles.order_by("subscription_id", "period_start"):
        periods[invoice.subscription_id].append((invoice.period_start, invoice.period_end))
    assert len(periods) == BOOK
    contracts = load_contracts(list(Subscription.objects.all()))
    for contract in contracts:
        subscription = contract.subscription
        found = periods[subscription.id]
        assert [end for _, end in found[:-1]] == [start for start, _ in found[1:]]
        cycle = subscription.cycle(contract.interval)
        assert [end for _, end in found] == [cycle.boundary_after(start) for start, _ in found]


def check_revenue(
    first: dict[str, Fraction], last: dict[str, Fraction], moved: list[Movement]
) -> None:
    """The movements of the months explain the whole difference."""
    grown = sum((each.net for each in moved), Fraction(0))
    assert sum(first.values()) + grown == sum(last.values())
    earning = Subscription.objects.filter(status__in=["active", "past_due"])
    worth = sum((kept(last[row.id]) for row in earning), Decimal(0))
    assert Subscription.objects.aggregate(sum=Sum("monthly_revenue"))["sum"] == worth
    changes = RevenueChange.objects.aggregate(sum=Sum(F("after") - F("before")))
    assert changes["sum"] == worth
    months = read_revenue(start=JANUARY, end=JANUARY + timedelta(days=400))
    assert sum(month.net for month in months) == worth


def test_revenue_is_monthly_whatever_the_interval() -> None:
    assert monthly(12000, Interval(IntervalUnit.YEAR)) == 1000
    assert monthly(3000, Interval(IntervalUnit.MONTH, 3)) == 1000
    assert round(monthly(700, Interval(IntervalUnit.WEEK))) == 3044


def test_movements_are_new_expansion_contraction_and_churn() -> None:
    before = {"a": Fraction(10), "b": Fraction(20), "c": Fraction(5)}
    after = {"a": Fraction(15), "b": Fraction(12), "d": Fraction(7)}

    found = movement(before, after)

    assert found == Movement(
        new=Fraction(7), expansion=Fraction(5), contraction=Fraction(8), churn=Fraction(5)
    )
    assert sum(before.values()) + found.net == sum(after.values())
