"""What reconciliation left open, for the first page and for Prometheus."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Count, Max
from prometheus_client import Metric

from apps.common.metrics import gauge
from apps.reconciliation.models import Discrepancy, ReconciliationRun
from apps.reconciliation.selectors import first_money_at
from apps.reconciliation.states import DiscrepancyKind, DiscrepancyStatus


def count_open_exceptions(_user: Any, *, now: datetime) -> int:  # noqa: ARG001 - a card's shape
    """Return how many exceptions wait for a person."""
    return Discrepancy.objects.filter(status=DiscrepancyStatus.OPEN).count()


def measure_runs(_now: datetime) -> Iterable[Metric]:
    """Yield the open exceptions by kind, and when each gateway was last reconciled."""
    open_ones = Discrepancy.objects.filter(status=DiscrepancyStatus.OPEN)
    counted = dict(open_ones.values_list("kind").annotate(Count("pk")).order_by())
    # Zero is said too: an alert must be able to end.
    rows = [((kind,), float(counted.get(kind, 0))) for kind in DiscrepancyKind.values]
    yield gauge("pay_recon_breaks", "Open exceptions.", rows, ("kind",))
    latest = ReconciliationRun.objects.values_list("gateway").annotate(Max("created_at"))
    # A gateway that was never compared says since when it has money: its alert must begin, too.
    compared_at = first_money_at() | dict(latest.order_by())
    yield gauge(
        "pay_recon_last_success_timestamp_seconds",
        "When a run last came to its end, or since when one is due.",
        [((gateway,), at.timestamp()) for gateway, at in sorted(compared_at.items())],
        ("gateway",),
    )
