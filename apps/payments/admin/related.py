"""Orders, reviews and payments on the pages of what they belong to."""

from collections.abc import Iterator
from typing import Any, Final

from apps.backoffice.kit.display import money, words
from apps.backoffice.kit.related import Related
from apps.fraud.models import Review
from apps.payments.admin.statuses import intent_chip, order_chip
from apps.payments.models import PaymentIntent, PaymentOrder

# What a page shows of a customer's payments; the list shows the rest.
LATEST: Final = 10


def order_of(intent: PaymentIntent) -> Iterator[Related]:
    """Return the seller's part of a checkout that this payment is, if it is one."""
    for order in PaymentOrder.objects.filter(intent_id=intent.pk):
        yield Related(kind="payment_order", id=order.pk, status=order_chip(order.status))


def reviews_of(intent: PaymentIntent) -> Iterator[Related]:
    """Return the times that risk wanted a person to look."""
    for review in Review.objects.filter(intent_id=intent.pk).order_by("-pk")[:LATEST]:
        yield Related(kind="review", id=review.pk, status=words(review.status))


def payments_of(customer: Any) -> Iterator[Related]:
    """Return a customer's latest payments."""
    for intent in PaymentIntent.objects.filter(customer_id=customer.pk).order_by("-pk")[:LATEST]:
        yield Related(
            kind="payment",
            id=intent.pk,
            status=intent_chip(intent.status),
            about=money(intent.amount, intent.currency),
        )
