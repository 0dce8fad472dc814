"""Numbers about payments for people: what waits. Bounded, from indexes."""

from datetime import datetime
from typing import Any

from apps.payments.models import PaymentIntent, Refund
from apps.payments.selectors import has_unknown_attempt
from apps.payments.states import IntentStatus, RefundStatus


def count_unknown_outcomes(_user: Any, *, now: datetime) -> int:  # noqa: ARG001 - a card's shape
    """Return how many payments have no outcome, also those that nobody asks about any more."""
    under_way = PaymentIntent.objects.filter(status=IntentStatus.PROCESSING)
    return under_way.filter(has_unknown_attempt()).count()


def count_open_refunds(_user: Any, *, now: datetime) -> int:  # noqa: ARG001 - a card's shape
    """Return how many refunds the gateway has not confirmed."""
    return Refund.objects.filter(status=RefundStatus.PENDING).count()
