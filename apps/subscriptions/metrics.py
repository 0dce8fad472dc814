"""What dunning counts about itself."""

from functools import partial

from django.db import transaction
from prometheus_client import Counter

from apps.subscriptions.models import Invoice

_dunning = Counter(
    "pay_dunning", "Tries to collect what failed before, and their ends.", ["step", "result"]
)


def count_dunning(invoice: Invoice, result: str) -> None:
    """Count what came of an overdue invoice's step, once that is committed."""
    transaction.on_commit(partial(_dunning.labels(str(invoice.dunning_slot), result).inc))
