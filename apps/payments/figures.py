"""Numbers about payments for people: what waits, and how today goes. Bounded, from indexes."""

from datetime import datetime
from typing import Any, Final

from django.db import connection

from apps.backoffice.kit.dashboard import Figure
from apps.backoffice.kit.display import money
from apps.common.ids import first_id
from apps.payments.models import PaymentAttempt, Refund
from apps.payments.states import AttemptStatus

# Today's figures look at the newest payments only, so that the first page stays fast on any day.
NEWEST: Final = 20_000

_TODAY = """
WITH newest AS (
    SELECT status, currency, amount_received, amount_refunded FROM payments_paymentintent
     WHERE id >= %(midnight)s ORDER BY id DESC LIMIT %(newest)s)
SELECT currency, count(*), sum(amount_received), sum(amount_refunded),
       count(*) FILTER (WHERE status IN ('succeeded', 'refunded', 'requires_capture')),
       count(*) FILTER (WHERE status = 'failed')
  FROM newest GROUP BY currency ORDER BY count(*) DESC
"""


def count_unknown_attempts(_user: Any, *, now: datetime) -> int:  # noqa: ARG001 - a card's shape
    """Return how many attempts have no outcome; only those that are due are in the index."""
    return PaymentAttempt.objects.filter(due_at__isnull=False, status=AttemptStatus.UNKNOWN).count()


def count_open_refunds(_user: Any, *, now: datetime) -> int:  # noqa: ARG001 - a card's shape
    """Return how many refunds the gateway has not confirmed."""
    return Refund.objects.filter(due_at__isnull=False).count()


def read_today(*, now: datetime) -> list[Figure]:
    """Return today's payments, success rate, and what came in per currency."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_TODAY, {"midnight": first_id("pi", midnight), "newest": NEWEST})
        rows = cursor.fetchall()
    made = sum(row[1] for row in rows)
    paid, failed = sum(row[4] for row in rows), sum(row[5] for row in rows)
    hint = f"the newest {NEWEST:,}" if made == NEWEST else "since midnight UTC"
    rate = f"{100 * paid / (paid + failed):.1f} %" if paid + failed else "no attempts yet"
    return [
        Figure(label="Payments", value=f"{made:,}", hint=hint),
        Figure(label="Success rate", value=rate, hint=f"{paid:,} paid, {failed:,} failed"),
        *(
            Figure(
                label=f"Received in {row[0]}",
                value=money(int(row[2]), row[0]),
                hint=f"{money(int(row[3]), row[0])} of it refunded",
            )
            for row in rows[:4]
        ),
    ]
