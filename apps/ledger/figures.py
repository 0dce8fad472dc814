"""Whether the books are even, for Prometheus."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F, Sum
from prometheus_client import Metric

from apps.common.metrics import gauge
from apps.ledger.models import Balance


def measure_imbalance(_now: datetime) -> Iterable[Metric]:
    """Yield debits minus credits of all accounts: anything but zero is an alarm."""
    sums = Balance.objects.values("account__currency").annotate(
        difference=Sum(F("debit_posted") - F("credit_posted"))
    )
    rows = [((line["account__currency"],), float(line["difference"])) for line in sums.order_by()]
    yield gauge(
        "pay_ledger_imbalance_minor",
        "Debits minus credits of all accounts, in minor units.",
        rows,
        ("currency",),
    )
