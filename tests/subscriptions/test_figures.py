"""Figures: what dunning got back, and how the monthly revenue moved."""

from datetime import timedelta

import pytest

from apps.common.origin import CLOCK
from apps.gateways.base import DeclineClass
from apps.subscriptions.figures import (
    MonthOfRevenue,
    Recovery,
    Tally,
    read_recovery,
    read_revenue,
)
from apps.subscriptions.models import Invoice, RevenueChange, Subscription
from apps.subscriptions.services.changes import ContractChange, ItemChange
from apps.subscriptions.services.collection import collect_invoice
from apps.subscriptions.services.subscriptions import (
    SubscriptionChange,
    cancel_subscription,
    update_subscription,
)
from apps.subscriptions.tasks import run_billing, run_dunning
from tests.factories.payments import SCOPE, TESTER
from tests.factories.subscriptions import (
    JANUARY,
    customer_with_card,
    day,
    invoices_of,
    price,
    subscribe,
)
from tests.fake_gateway import FakeGateway, Line, decline

pytestmark = pytest.mark.django_db

FEBRUARY = day("2025-02-01")


def live_through_dunning(amount: int, gateway: FakeGateway, *answers: Line) -> Invoice:
    """Return a second invoice after its charge and retries, as the gateway answered them."""
    subscription = subscribe(customer_with_card(), price(amount))
    run_billing(now=FEBRUARY)
    invoice = invoices_of(subscription)[1]
    gateway.script = list(answers)
    collect_invoice(invoice_id=invoice.id, origin=CLOCK, now=FEBRUARY)
    for days in (1, 3, 5, 7)[: len(answers)]:
        now = FEBRUARY + timedelta(days=days)
        run_dunning(now=now)
        collect_invoice(invoice_id=invoice.id, origin=CLOCK, now=now)
    return Invoice.objects.get(pk=invoice.pk)


def test_recovery_says_after_which_retry_the_money_came(gateway: FakeGateway) -> None:
    poor = decline("insufficient_funds", DeclineClass.RETRYABLE)
    live_through_dunning(1000, gateway, poor)
    live_through_dunning(2000, gateway, poor, poor, poor)
    live_through_dunning(4000, gateway, poor, poor, poor, poor, poor)

    [found] = read_recovery(start=FEBRUARY, end=day("2025-03-01"), scope=SCOPE)

    assert found == Recovery(
        currency="EUR",
        failed=Tally(3, 7000),
        recovered=Tally(2, 3000),
        lost=Tally(1, 4000),
        by_step={1: Tally(1, 1000), 3: Tally(1, 2000)},
    )
    assert round(found.rate, 4) == 0.4286
    assert read_recovery(start=JANUARY, end=FEBRUARY, scope=SCOPE) == []


def change_to(subscription: Subscription, amount: int, *, now: str) -> None:
    item = subscription.items.get()
    wanted = price(amount, of=item.price.product)
    change = ContractChange(items=(ItemChange(item_id=item.id, price_id=wanted.id),))
    update_subscription(
        scope=SCOPE,
        subscription_id=subscription.id,
        change=SubscriptionChange(contract=change),
        origin=TESTER,
        now=day(now),
    )


def test_revenue_moves_by_what_happened_to_subscriptions(gateway: FakeGateway) -> None:
    one = subscribe(customer_with_card(), price(1000))
    two = subscribe(customer_with_card(), price(2000), quantity=2)
    subscribe(customer_with_card(), price(10000, unit="year"))
    change_to(one, 1500, now="2025-01-10")
    change_to(two, 1200, now="2025-02-05")
    cancel_subscription(scope=SCOPE, subscription_id=one.id, origin=TESTER, now=day("2025-02-20"))

    february, january = read_revenue(start=JANUARY, end=day("2025-03-01"), scope=SCOPE)

    assert parts(january) == ["5833.333333", "500", "0", "0", "6333.333333"]
    assert parts(february) == ["0", "0", "1600", "1500", "-3100"]


def parts(month: MonthOfRevenue) -> list[str]:
    found = (month.new, month.expansion, month.contraction, month.churn, month.net)
    return [f"{amount.normalize():f}" for amount in found]


def test_a_trial_and_a_renewal_move_no_revenue(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000), trial_days=14)
    assert not RevenueChange.objects.exists()

    for now in (day("2025-01-15"), day("2025-02-15")):
        while run_billing(now=now):
            pass

    [change] = RevenueChange.objects.all()
    assert change.before == 0
    assert change.after == 1000
    assert change.changed_at == day("2025-01-15")
    subscription.refresh_from_db()
    assert subscription.monthly_revenue == 1000
