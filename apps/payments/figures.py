"""Numbers about payments for people: what waits. Bounded, from indexes."""

from datetime import datetime
from typing import Any

from apps.payments.models import PaymentAttempt, Refund
from apps.payments.states import AttemptStatus


def count_unknown_attempts(_user: Any, *, now: datetime) -> int:  # noqa: ARG001 - a card's shape
    """Return how many attempts have no outcome; only those that are due are in the index."""
    return PaymentAttempt.objects.filter(due_at__isnull=False, status=AttemptStatus.UNKNOWN).count()


def count_open_refunds(_user: Any, *, now: datetime) -> int:  # noqa: ARG001 - a card's shape
    """Return how many refunds the gateway has not confirmed."""
    return Refund.objects.filter(due_at__isnull=False).count()
