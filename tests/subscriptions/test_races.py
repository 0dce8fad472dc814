"""One invoice, asked for twice at the same moment, over two real connections."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection

from apps.common.origin import CLOCK
from apps.subscriptions.errors import InvoiceNotPayable, InvoicePaymentInProgress
from apps.subscriptions.models import CollectionTry, Invoice, InvoicePayment, Subscription
from apps.subscriptions.selectors import Times
from apps.subscriptions.services.collection import collect_invoice
from apps.subscriptions.services.dunning import pass_slots
from apps.subscriptions.services.duties import bill_due
from apps.subscriptions.services.invoices import pay_invoice
from apps.subscriptions.tasks import run_billing
from tests.factories.payments import SCOPE, TESTER
from tests.factories.subscriptions import customer_with_card, day, invoices_of, price, subscribe
from tests.fake_gateway import FakeGateway, decline
from tests.races import race

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def refused_invoice(gateway: FakeGateway) -> Invoice:
    """Return the second invoice of a subscription, whose card had no money on February 1."""
    subscription = subscribe(customer_with_card(), price(1000))
    run_billing(now=day("2025-02-01"))
    gateway.script = [decline("insufficient_funds")]
    invoice = invoices_of(subscription)[1]
    return collect_invoice(invoice_id=invoice.id, origin=CLOCK, now=day("2025-02-01"))


def test_ac_033_a_click_and_the_scheduled_retry_at_one_moment_charge_once(
    gateway: FakeGateway,
) -> None:
    invoice = refused_invoice(gateway)
    retry_at = invoice.next_payment_attempt
    assert retry_at == day("2025-02-02")
    charged_before = len(gateway.captures)

    def retry() -> Invoice:
        pass_slots(Times(retry_at, retry_at))
        return collect_invoice(invoice_id=invoice.id, origin=CLOCK, now=retry_at)

    click = partial(pay_invoice, scope=SCOPE, invoice_id=invoice.id, origin=TESTER, now=retry_at)
    outcomes = race(Subscription.objects.get(), click, retry)

    assert len(gateway.captures) == charged_before + 1
    paid = Invoice.objects.get(pk=invoice.pk)
    assert (paid.status, paid.amount_paid, paid.next_payment_attempt) == ("paid", 1000, None)
    assert InvoicePayment.objects.filter(invoice=paid, status="paid").count() == 1
    assert CollectionTry.objects.filter(invoice=paid, outcome="succeeded").count() == 1
    # Who came second either saw it paid, or heard that somebody else is paying it.
    for outcome in outcomes:
        assert isinstance(outcome, Invoice | InvoiceNotPayable | InvoicePaymentInProgress)


def test_ac_033_two_clicks_at_one_moment_charge_once(gateway: FakeGateway) -> None:
    invoice = refused_invoice(gateway)
    charged_before = len(gateway.captures)
    click = partial(
        pay_invoice, scope=SCOPE, invoice_id=invoice.id, origin=TESTER, now=day("2025-02-01T12:00")
    )

    race(Subscription.objects.get(), click, click)

    assert len(gateway.captures) == charged_before + 1
    assert Invoice.objects.get(pk=invoice.pk).status == "paid"


def test_ac_030_two_schedulers_at_one_moment_make_one_retry(gateway: FakeGateway) -> None:
    invoice = refused_invoice(gateway)
    now = day("2025-02-02")

    race(Subscription.objects.get(), *[partial(pass_slots, Times(now, now))] * 2)

    moved = Invoice.objects.get(pk=invoice.pk)
    assert (moved.dunning_slot, moved.attempt_count) == (1, 2)
    assert moved.next_payment_attempt == day("2025-02-04")


def test_ac_039_runs_at_one_moment_bill_each_period_once(gateway: FakeGateway) -> None:
    subscriptions = [subscribe(customer_with_card(), price(1000)) for _ in range(12)]
    now = day("2025-02-01")

    def run() -> int:
        try:
            return bill_due(Times(now, now))[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=3) as pool:
        done = [pool.submit(run) for _ in range(3)]

    assert sum(future.result() for future in done) == len(subscriptions)
    assert [len(invoices_of(row)) for row in subscriptions] == [2] * len(subscriptions)
