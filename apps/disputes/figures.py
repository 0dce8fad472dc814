"""Numbers about disputes for people and for Prometheus: what waits. Bounded, from an index."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Max, Min
from prometheus_client import Metric

from apps.common.metrics import gauge
from apps.disputes.models import Dispute, SchemeStanding
from apps.disputes.ratios import LIMITS
from apps.disputes.states import ANSWERABLE, OPEN
from apps.disputes.tallies import first_of_month

# A deadline this near with nobody at work on it is an alarm.
NEAR: Final = timedelta(hours=24)


def count_waiting_disputes(_user: Any, *, now: datetime) -> int:  # noqa: ARG001 - a card's shape
    """Return how many disputes wait for evidence; only open ones are in the index."""
    is_open = Dispute.objects.filter(status__in=sorted(OPEN))
    return is_open.filter(status__in=sorted(ANSWERABLE), submitted_at__isnull=True).count()


def measure_disputes(now: datetime) -> Iterable[Metric]:
    """Yield the open disputes by status, the nearest deadline, and the near ones of nobody."""
    is_open = Dispute.objects.filter(status__in=sorted(OPEN))
    counted = is_open.values_list("status").annotate(Count("id")).order_by()
    waiting = is_open.filter(status__in=sorted(ANSWERABLE), submitted_at__isnull=True)
    first = waiting.aggregate(Min("due_at"))["due_at__min"]
    orphans = waiting.filter(due_at__lt=now + NEAR, case__assignee__isnull=True).count()
    yield gauge(
        "pay_dispute_open",
        "Open disputes.",
        [((status,), count) for status, count in counted],
        ("status",),
    )
    left = [] if first is None else [((), (first - now).total_seconds())]
    yield gauge("pay_dispute_due_seconds_min", "Time to the first deadline.", left, ())
    yield gauge(
        "pay_dispute_due_unassigned",
        "Disputes due within a day that nobody works on.",
        [((), orphans)],
        (),
    )
    month = first_of_month(now)
    worst = SchemeStanding.objects.filter(month=month, livemode=True).values_list("network")
    yield gauge(
        "pay_chargeback_ratio",
        "The highest dispute ratio of this month by card scheme, of 1.",
        [((network,), float(top) / 100) for network, top in worst.annotate(Max("percent"))],
        ("network",),
    )
    yield gauge(
        "pay_chargeback_limit_projected",
        "How much of a card scheme's limit is used up at the month's end if it goes on like this.",
        [
            ((network,), float(top / LIMITS[network]))
            for network, top in worst.annotate(Max("projected"))
        ],
        ("network",),
    )
    yield gauge(
        "pay_chargeback_limit_used",
        "How much of a card scheme's limit is used up, as the highest step that was reached.",
        [((network,), float(top) / 100) for network, top in worst.annotate(Max("alert"))],
        ("network",),
    )
