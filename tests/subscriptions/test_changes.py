"""Changes in mid-period: what they cost, and that the preview is the invoice."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.customers.models import Customer
from apps.ledger.models import JournalEntry
from apps.subscriptions.errors import (
    CurrenciesDiffer,
    DuplicatePrice,
    IntervalsDiffer,
    NoItems,
    SubscriptionOver,
)
from apps.subscriptions.models import (
    BalanceTransaction,
    Invoice,
    InvoiceItem,
    InvoiceLine,
    Price,
    Subscription,
    SubscriptionItem,
)
from apps.subscriptions.services.catalog import record_usage
from apps.subscriptions.services.changes import ContractChange, ItemChange, ProrationBehavior
from apps.subscriptions.services.collection import collect_invoice
from apps.subscriptions.services.subscriptions import (
    SubscriptionChange,
    cancel_subscription,
    charge_queued,
    preview_update,
    update_subscription,
)
from apps.subscriptions.tasks import run_billing
from tests.factories.payments import SCOPE, TESTER
from tests.factories.subscriptions import (
    coupon,
    customer_with_card,
    day,
    invoices_of,
    metered_price,
    price,
    subscribe,
)
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

JUNE = day("2025-06-01")


def to(
    subscription: Subscription,
    plan: Price | None = None,
    quantity: int | None = None,
    **options: Any,
) -> ContractChange:
    """Return the change of the only item to another price or quantity."""
    item = SubscriptionItem.objects.get(subscription=subscription)
    change = ItemChange(item_id=item.id, price_id=plan.id if plan else "", quantity=quantity)
    return ContractChange(items=(change,), **options)


def update(subscription: Subscription, change: ContractChange, now: datetime) -> Subscription:
    return update_subscription(
        scope=SCOPE,
        subscription_id=subscription.id,
        change=SubscriptionChange(contract=change),
        origin=TESTER,
        now=now,
    )


def lines_of(invoice: Invoice) -> list[int]:
    rows = InvoiceLine.objects.filter(invoice_id=invoice.pk).order_by("position")
    return [line.amount for line in rows]


def waiting() -> list[int]:
    rows = InvoiceItem.objects.filter(invoice__isnull=True).order_by("pk")
    return sorted(rows.values_list("amount", flat=True))


def test_ac_020_the_lines_of_an_upgrade_wait_for_the_next_invoice(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000), now=JUNE)

    update(subscription, to(subscription, price(2000)), day("2025-06-16"))
    assert waiting() == [-500, 1000]
    assert len(invoices_of(subscription)) == 1
    run_billing(now=day("2025-07-01"))

    july = invoices_of(subscription)[1]
    assert sorted(lines_of(july)) == [-500, 1000, 2000]
    assert july.total == 2500
    assert waiting() == []


def test_ac_023_an_upgrade_that_is_invoiced_at_once_is_the_sum_of_its_lines(
    gateway: FakeGateway,
) -> None:
    subscription = subscribe(customer_with_card(), price(10000), now=day("2025-01-01"))
    change = to(subscription, price(20000), proration=ProrationBehavior.ALWAYS_INVOICE)

    update(subscription, change, day("2025-01-10T12:00"))

    invoice = invoices_of(subscription)[1]
    assert lines_of(invoice) == [-6935, 13871]
    assert (invoice.total, invoice.status, invoice.billing_reason) == (
        6936, "paid", "subscription_update",
    )  # fmt: skip
    assert [p.amount_captured for p in gateway.captures] == [10000, 6936]


def test_ac_024_seats_are_prorated_with_their_quantity(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000), now=JUNE, quantity=3)

    update(subscription, to(subscription, quantity=5), day("2025-06-21"))

    assert waiting() == [-1000, 1667]


def test_ac_022_monthly_to_yearly_begins_a_new_cycle_at_the_change(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(10000), now=JUNE)

    row = update(subscription, to(subscription, price(100000, unit="year")), day("2025-06-16"))

    invoice = invoices_of(subscription)[1]
    assert sorted(lines_of(invoice)) == [-5000, 100000]
    assert (invoice.total, invoice.status) == (95000, "paid")
    assert (row.anchor, row.current_period_end) == (day("2025-06-16"), day("2026-06-16"))


def test_ac_022_yearly_to_monthly_leaves_credit_and_refunds_nothing(gateway: FakeGateway) -> None:
    customer = customer_with_card()
    subscription = subscribe(customer, price(100000, unit="year"), now=day("2025-01-01"))

    update(subscription, to(subscription, price(10000)), day("2025-03-15"))

    invoice = invoices_of(subscription)[1]
    assert sorted(lines_of(invoice)) == [-80000, 10000]
    assert (invoice.total, invoice.amount_due, invoice.status) == (-70000, 0, "paid")
    assert Customer.objects.get(pk=customer.id).balance == -70000
    assert len(gateway.captures) == 1
    assert gateway.refunds == {}
    [change] = BalanceTransaction.objects.filter(customer=customer)
    assert (change.amount, change.ending_balance) == (-70000, -70000)
    assert JournalEntry.objects.get(source_id=change.id).kind == "credit_granted"


def test_ac_022_credit_pays_later_invoices(gateway: FakeGateway) -> None:
    customer = customer_with_card()
    subscription = subscribe(customer, price(100000, unit="year"), now=day("2025-01-01"))
    update(subscription, to(subscription, price(10000)), day("2025-03-15"))

    while run_billing(now=day("2025-11-01")):
        pass

    renewals = invoices_of(subscription)[2:]
    assert [invoice.amount_due for invoice in renewals] == [0] * 7
    assert {invoice.status for invoice in renewals} == {"paid"}
    assert Customer.objects.get(pk=customer.id).balance == 0
    assert len(gateway.captures) == 1


def test_ac_025_there_and_back_within_a_period(gateway: FakeGateway) -> None:
    small, large = price(1000), price(2000)
    subscription = subscribe(customer_with_card(), small, now=JUNE)

    update(subscription, to(subscription, large), day("2025-06-11"))
    update(subscription, to(subscription, small), day("2025-06-21"))

    assert waiting() == [-667, -667, 333, 1333]
    assert sum(waiting()) == 332


def test_ac_025_a_change_undone_at_the_same_instant_costs_nothing(gateway: FakeGateway) -> None:
    small, large = price(1000), price(2000)
    subscription = subscribe(customer_with_card(), small, now=JUNE)
    at = day("2025-06-11T10:00")

    update(subscription, to(subscription, large), at)
    update(subscription, to(subscription, small), at)

    assert sum(waiting()) == 0
    assert len(invoices_of(subscription)) == 1
    run_billing(now=day("2025-07-01"))
    assert invoices_of(subscription)[1].total == 1000


def test_ac_026_a_change_at_the_start_is_a_full_swap_and_at_the_end_free(
    gateway: FakeGateway,
) -> None:
    first = subscribe(customer_with_card(), price(1000), now=JUNE)
    update(first, to(first, price(2000)), JUNE)
    assert waiting() == [-1000, 2000]

    second = subscribe(customer_with_card(), price(1000), now=JUNE)
    update(second, to(second, price(2000)), day("2025-07-01"))
    assert waiting() == [-1000, 2000]
    run_billing(now=day("2025-07-01"))
    assert invoices_of(second)[1].total == 2000


def test_ac_027_someone_who_joins_within_a_period_pays_a_share_of_the_whole(
    gateway: FakeGateway,
) -> None:
    quarterly = price(9100, count=3)
    subscription = subscribe(
        customer_with_card(), quarterly, now=day("2024-02-19"), anchor=day("2024-04-01")
    )

    [first] = invoices_of(subscription)
    assert first.total == 4200
    update(subscription, to(subscription, price(18200, count=3)), day("2024-03-11"))
    assert waiting() == [-2100, 4200]


def test_ac_044_yen_are_prorated_without_decimals(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000, currency="JPY"), now=JUNE)

    update(subscription, to(subscription, price(3000, currency="JPY")), day("2025-06-11"))

    assert waiting() == [-667, 2000]


def test_ac_041_dinars_get_a_rounding_line(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(6667, currency="KWD"), now=JUNE)

    [invoice] = invoices_of(subscription)
    assert lines_of(invoice) == [6667, 3]
    assert [p.amount_captured for p in gateway.captures] == [6670]


def test_without_proration_only_the_next_period_changes(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000), now=JUNE)

    update(
        subscription,
        to(subscription, price(2000), proration=ProrationBehavior.NONE),
        day("2025-06-16"),
    )

    assert waiting() == []
    run_billing(now=day("2025-07-01"))
    assert invoices_of(subscription)[1].total == 2000


def test_a_discount_lessens_what_a_change_gives_back(gateway: FakeGateway) -> None:
    coupon("HALF")
    subscription = subscribe(customer_with_card(), price(1000), now=JUNE, coupons=("HALF",))
    assert invoices_of(subscription)[0].total == 500

    change = to(subscription, price(2000), proration=ProrationBehavior.ALWAYS_INVOICE)
    update(subscription, change, day("2025-06-16"))

    assert invoices_of(subscription)[1].total == 250


def test_a_coupon_that_is_valid_once_lasts_one_period(gateway: FakeGateway) -> None:
    coupon("ONCE", amount_off=300, currency="EUR", duration="once")
    subscription = subscribe(customer_with_card(), price(1000), now=JUNE, coupons=("ONCE",))

    run_billing(now=day("2025-07-01"))

    assert [invoice.total for invoice in invoices_of(subscription)] == [700, 1000]


def test_tax_is_added_per_line(gateway: FakeGateway) -> None:
    subscription = subscribe(
        customer_with_card(), price(1000), now=JUNE, fields={"tax_percent": Decimal(19)}
    )

    [invoice] = invoices_of(subscription)
    assert (invoice.subtotal, invoice.tax_amount, invoice.total) == (1000, 190, 1190)


def test_items_that_do_not_fit_are_refused_and_nothing_changes(gateway: FakeGateway) -> None:
    plan = price(1000)
    subscription = subscribe(customer_with_card(), plan, now=JUNE)
    item = SubscriptionItem.objects.get(subscription=subscription)
    refused: list[tuple[type[Exception], ItemChange]] = [
        (IntervalsDiffer, ItemChange(price_id=price(100, unit="year").id)),
        (CurrenciesDiffer, ItemChange(price_id=price(100, currency="USD").id)),
        (DuplicatePrice, ItemChange(price_id=plan.id)),
        (NoItems, ItemChange(item_id=item.id, is_deleted=True)),
    ]

    for refusal, change in refused:
        with pytest.raises(refusal):
            update(subscription, ContractChange(items=(change,)), day("2025-06-16"))

    assert SubscriptionItem.objects.get(subscription=subscription).price_id == plan.id
    assert waiting() == []


def test_a_canceled_subscription_does_not_change(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000), now=JUNE)
    cancel_subscription(
        scope=SCOPE, subscription_id=subscription.id, origin=TESTER, now=day("2025-06-05")
    )

    with pytest.raises(SubscriptionOver):
        update(subscription, to(subscription, quantity=2), day("2025-06-16"))


def test_cancel_with_proration_leaves_the_rest_as_credit(gateway: FakeGateway) -> None:
    customer = customer_with_card()
    subscription = subscribe(customer, price(1000), now=JUNE)

    row = cancel_subscription(
        scope=SCOPE,
        subscription_id=subscription.id,
        prorate_rest=True,
        invoice_now=True,
        origin=TESTER,
        now=day("2025-06-16"),
    )

    assert (row.status, row.due_at) == ("canceled", None)
    assert invoices_of(subscription)[1].total == -500
    assert Customer.objects.get(pk=customer.id).balance == -500


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    """Return one side's price and quantity, the other's, and when and how it changes."""
    return {
        "old": (draw(st.integers(100, 50_000)), draw(st.integers(1, 7))),
        "new": (draw(st.integers(100, 50_000)), draw(st.integers(1, 7))),
        "unit": draw(st.sampled_from(["month", "year", "week"])),
        "at": JUNE + timedelta(minutes=draw(st.integers(1, 30 * 24 * 60 - 1))),
        "behavior": draw(st.sampled_from(ProrationBehavior)),
        "percent": Decimal(draw(st.sampled_from(["0", "19", "7.7"]))),
    }


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(case=changes())
def test_the_preview_is_the_invoice(gateway: FakeGateway, case: dict[str, Any]) -> None:
    (old, old_quantity), (new, new_quantity) = case["old"], case["new"]
    subscription = subscribe(
        customer_with_card(),
        price(old),
        now=JUNE,
        quantity=old_quantity,
        fields={"tax_percent": case["percent"]},
    )
    change = to(
        subscription, price(new, unit=case["unit"]), new_quantity, proration=case["behavior"]
    )

    shown = preview_update(
        scope=SCOPE, subscription_id=subscription.id, change=change, now=case["at"]
    )
    before = [invoice.id for invoice in invoices_of(subscription)]
    row = update(subscription, change, case["at"])
    made = [invoice for invoice in invoices_of(subscription) if invoice.id not in before]
    if not made:
        run_billing(now=row.current_period_end)
        made = invoices_of(subscription)[1:]

    [invoice] = made
    lines = InvoiceLine.objects.filter(invoice=invoice).order_by("position")
    assert [(line.description, line.amount, line.tax_amount) for line in lines] == [
        (line.description, line.amount, line.tax_amount) for line in shown.lines
    ]
    assert (invoice.total, invoice.tax_amount) == (shown.invoice.total, shown.invoice.tax_amount)
    assert invoice.amount_due == shown.invoice.amount_due


def test_a_preview_stores_nothing(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000), now=JUNE)

    preview_update(
        scope=SCOPE,
        subscription_id=subscription.id,
        change=to(subscription, price(5000)),
        now=day("2025-06-16"),
    )

    assert waiting() == []
    assert Invoice.objects.count() == 1
    assert SubscriptionItem.objects.get(subscription=subscription).price.unit_amount == 1000


def test_metered_usage_is_billed_with_the_next_period(gateway: FakeGateway) -> None:
    customer = customer_with_card()
    subscription = subscribe(customer, price(1000), metered_price("0.5"), now=JUNE)
    for identifier, value in [("a", 100), ("b", 33), ("a", 100)]:
        record_usage(
            scope=SCOPE,
            event_name="calls",
            customer_id=customer.id,
            value=Decimal(value),
            identifier=identifier,
            occurred_at=day("2025-06-10"),
            now=day("2025-06-10"),
        )

    run_billing(now=day("2025-07-01"))
    july = invoices_of(subscription)[1]
    collect_invoice(invoice_id=july.id, origin=TESTER, now=day("2025-07-01"))

    assert sorted(lines_of(july)) == [67, 1000]


def test_a_change_whose_process_died_is_charged_and_not_made_again(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription = subscribe(customer_with_card(), price(1000), now=JUNE)
    change = to(subscription, price(3000), proration=ProrationBehavior.ALWAYS_INVOICE)
    remembered: list[str] = []

    def die(**_call: Any) -> None:
        raise RuntimeError("the process died")

    with monkeypatch.context() as patch:
        patch.setattr("apps.subscriptions.services.subscriptions.collect_invoice", die)
        with pytest.raises(RuntimeError, match="died"):
            update_subscription(
                scope=SCOPE,
                subscription_id=subscription.id,
                change=SubscriptionChange(contract=change),
                origin=TESTER,
                now=day("2025-06-16"),
                remember=remembered.append,
            )
    assert remembered == [subscription.id]
    charged = len(gateway.captures)

    for _ in range(2):
        charge_queued(
            scope=SCOPE, subscription_id=subscription.id, origin=TESTER, now=day("2025-06-16")
        )

    assert len(gateway.captures) == charged + 1
    assert [invoice.status for invoice in invoices_of(subscription)] == ["paid", "paid"]
