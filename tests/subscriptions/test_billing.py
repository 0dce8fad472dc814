"""Billing runs: each period once, in order, whatever happens to the scheduler."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.db.transaction import atomic

from apps.outbox.models import Event
from apps.subscriptions.models import Invoice, InvoiceLine, Subscription
from apps.subscriptions.services.collection import collect_invoice
from apps.subscriptions.services.invoices import pay_invoice
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


def history(object_id: str) -> list[str]:
    events = Event.objects.filter(object_id=object_id).order_by("sequence")
    return [event.type for event in events]


def test_the_first_period_is_billed_charged_and_told(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000), quantity=3)

    assert subscription.status == "active"
    assert subscription.period.start == JANUARY
    assert subscription.period.end == day("2025-02-01")
    [invoice] = invoices_of(subscription)
    assert (invoice.status, invoice.number, invoice.total) == ("paid", "INV-000001", 3000)
    assert (invoice.amount_paid, invoice.amount_remaining) == (3000, 0)
    assert [line.amount for line in InvoiceLine.objects.filter(invoice=invoice)] == [3000]
    assert [p.amount_captured for p in gateway.captures] == [3000]
    assert history(invoice.id) == ["invoice.created", "invoice.finalized", "invoice.paid"]
    assert history(subscription.id) == [
        "customer.subscription.created",
        "customer.subscription.updated",
    ]


def test_ac_039_the_next_period_is_billed_once_however_often_the_run_comes(
    gateway: FakeGateway,
) -> None:
    subscription = subscribe(customer_with_card(), price(1000))

    assert run_billing(now=day("2025-01-31T23:59:59")) == 0
    assert run_billing(now=day("2025-02-01")) == 1
    assert run_billing(now=day("2025-02-01")) == 0

    first, second = invoices_of(subscription)
    assert (second.status, second.number, second.period_start) == (
        "open", "INV-000002", day("2025-02-01"),
    )  # fmt: skip
    assert (second.billing_reason, second.amount_remaining) == ("subscription_cycle", 1000)
    assert first.period_end == second.period_start


def test_ac_039_a_second_invoice_for_the_same_period_is_refused_by_postgresql(
    gateway: FakeGateway,
) -> None:
    subscription = subscribe(customer_with_card(), price(1000))
    run_billing(now=day("2025-02-01"))
    row = Subscription.objects.filter(pk=subscription.id)
    moved = row.values("current_period_start", "current_period_end").get()
    row.update(current_period_start=JANUARY, current_period_end=day("2025-02-01"), due_at=JANUARY)

    run_billing(now=day("2025-02-01"))

    assert len(invoices_of(subscription)) == 2
    assert row.get().due_at == day("2025-02-01T00:15")
    row.update(**moved)


def test_ac_039_a_scheduler_that_was_down_for_three_days_catches_up_in_order(
    gateway: FakeGateway,
) -> None:
    subscription = subscribe(customer_with_card(), price(100, unit="day"))

    while run_billing(now=day("2025-01-04T12:00")):
        pass

    starts = [f"{invoice.period_start:%d}" for invoice in invoices_of(subscription)]
    assert starts == ["01", "02", "03", "04"]
    assert Subscription.objects.get(pk=subscription.id).due_at == day("2025-01-05")


def test_ac_039_a_subscription_that_runs_away_is_parked(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(100, unit="day"))

    while run_billing(now=day("2025-06-01")):
        pass

    row = Subscription.objects.get(pk=subscription.id)
    assert (row.parked_reason, row.due_at) == ("more than 40 periods in a day", None)
    assert len(invoices_of(subscription)) == 41


def test_ac_028_month_ends_are_billed_from_the_anchor(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000), now=day("2025-01-31T10:00"))

    while run_billing(now=day("2025-05-01")):
        pass

    starts = [f"{invoice.period_start:%m-%d %H:%M}" for invoice in invoices_of(subscription)]
    assert starts == ["01-31 10:00", "02-28 10:00", "03-31 10:00", "04-30 10:00"]


def test_ac_029_the_customers_wall_clock_decides(gateway: FakeGateway) -> None:
    customer = customer_with_card(time_zone="America/New_York")
    subscription = subscribe(customer, price(1000), now=day("2023-03-01T03:47:56"))

    while run_billing(now=day("2023-05-29")):
        pass

    starts = [f"{invoice.period_start:%m-%d %H:%M}" for invoice in invoices_of(subscription)]
    assert starts == ["03-01 03:47", "03-29 02:47", "04-29 02:47"]
    assert all(invoice.total == 1000 for invoice in invoices_of(subscription))


def test_several_subscriptions_of_a_batch_are_numbered_without_gaps(gateway: FakeGateway) -> None:
    plan = price(1000)
    for _ in range(3):
        subscribe(customer_with_card(), plan)

    run_billing(now=day("2025-02-01"))

    numbers = Invoice.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == [f"INV-{n:06d}" for n in range(1, 7)]


def test_a_billed_period_is_charged_from_the_queue(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000))
    run_billing(now=day("2025-02-01"))
    second = invoices_of(subscription)[1]

    paid = collect_invoice(invoice_id=second.id, origin=TESTER, now=day("2025-02-01T00:00:05"))
    again = collect_invoice(invoice_id=second.id, origin=TESTER, now=day("2025-02-01T00:00:09"))

    assert (paid.status, again.status) == ("paid", "paid")
    assert len(gateway.captures) == 2


def test_ac_039_renewal_is_told_as_paid_only_after_the_payment(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000))
    run_billing(now=day("2025-02-01"))
    second = invoices_of(subscription)[1]
    assert history(second.id) == ["invoice.created", "invoice.finalized"]
    gateway.script = [decline("insufficient_funds")]

    collect_invoice(invoice_id=second.id, origin=TESTER, now=day("2025-02-01T01:00"))

    assert "invoice.paid" not in history(second.id)
    assert Subscription.objects.get(pk=subscription.id).status == "past_due"


def test_ac_038_a_first_payment_that_follows_within_23_hours_begins_the_subscription(
    gateway: FakeGateway,
) -> None:
    gateway.script = [decline("insufficient_funds")]
    subscription = subscribe(customer_with_card(), price(1000))
    [invoice] = invoices_of(subscription)
    late = JANUARY + timedelta(hours=22, minutes=59)

    pay_invoice(scope=SCOPE, invoice_id=invoice.id, origin=TESTER, now=late)
    run_billing(now=JANUARY + timedelta(hours=23))

    assert Subscription.objects.get(pk=subscription.id).status == "active"
    assert invoices_of(subscription)[0].status == "paid"
    assert [p.amount_captured for p in gateway.captures] == [1000]


def test_ac_038_a_first_payment_that_fails_leaves_it_incomplete_and_then_expired(
    gateway: FakeGateway,
) -> None:
    gateway.script = [decline("insufficient_funds")]
    subscription = subscribe(customer_with_card(), price(1000))
    assert subscription.status == "incomplete"
    [invoice] = invoices_of(subscription)
    assert (invoice.status, invoice.next_payment_attempt) == ("open", None)

    assert run_billing(now=JANUARY + timedelta(hours=22, minutes=59)) == 0
    run_billing(now=JANUARY + timedelta(hours=23))

    row = Subscription.objects.get(pk=subscription.id)
    assert (row.status, row.due_at) == ("incomplete_expired", None)
    assert invoices_of(subscription)[0].status == "void"
    assert gateway.captures == []


def test_an_invoice_whose_lines_do_not_add_up_is_refused_by_postgresql(
    gateway: FakeGateway,
) -> None:
    subscription = subscribe(customer_with_card(), price(1000))
    [invoice] = invoices_of(subscription)

    with pytest.raises(IntegrityError, match="a final invoice does not change"), atomic():
        InvoiceLine.objects.filter(invoice=invoice).update(amount=999)
    with pytest.raises(IntegrityError, match="a final invoice does not change"), atomic():
        Invoice.objects.filter(pk=invoice.pk).update(subtotal=1, total=1, amount_due=1)
    with pytest.raises(IntegrityError, match="a final invoice does not change"), atomic():
        InvoiceLine.objects.filter(invoice=invoice).delete()

    assert invoices_of(subscription)[0].total == 1000


def test_a_status_that_changes_without_an_event_is_refused_by_postgresql(
    gateway: FakeGateway,
) -> None:
    subscription = subscribe(customer_with_card(), price(1000))

    with pytest.raises(IntegrityError, match="has no event"), atomic():
        Subscription.objects.filter(pk=subscription.id).update(
            status="paused", version=subscription.version + 1
        )

    assert Subscription.objects.get(pk=subscription.id).status == "active"
