"""Numbers about disputes for people: what waits. Bounded, from an index."""

from datetime import datetime
from typing import Any

from apps.disputes.models import Dispute
from apps.disputes.states import ANSWERABLE, OPEN


def count_waiting_disputes(_user: Any, *, now: datetime) -> int:  # noqa: ARG001 - a card's shape
    """Return how many disputes wait for evidence; only open ones are in the index."""
    is_open = Dispute.objects.filter(status__in=sorted(OPEN))
    return is_open.filter(status__in=sorted(ANSWERABLE), submitted_at__isnull=True).count()
