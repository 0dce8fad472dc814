"""Invoices and subscriptions on the pages of what they belong to."""

from collections.abc import Iterator
from typing import Any

from apps.backoffice.kit.display import money
from apps.backoffice.kit.related import Related
from apps.subscriptions.admin.display import monthly_money, status_chip
from apps.subscriptions.models import InvoicePayment, Subscription

# What a page shows of a customer's subscriptions; the list shows the rest.
LATEST = 10


def invoice_of(intent: Any) -> Iterator[Related]:
    """Return the invoice that a payment pays, and its subscription."""
    paid = InvoicePayment.objects.filter(intent_id=intent.pk)
    for payment in paid.select_related("invoice__subscription"):
        invoice = payment.invoice
        yield Related(
            kind="invoice",
            id=invoice.pk,
            status=status_chip(str(invoice.status)),
            about=money(invoice.total, invoice.currency),
        )
        if invoice.subscription is not None:
            yield _subscription(invoice.subscription)


def subscriptions_of(customer: Any) -> Iterator[Related]:
    """Return what a customer pays for again and again."""
    rows = Subscription.objects.filter(customer_id=customer.pk).order_by("-pk")[:LATEST]
    yield from map(_subscription, rows)


def _subscription(row: Subscription) -> Related:
    return Related(
        kind="subscription",
        id=row.pk,
        status=status_chip(str(row.status)),
        about=monthly_money(row),
    )
