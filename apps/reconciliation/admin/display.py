"""What colours and ages say about exceptions and payouts."""

from datetime import date, timedelta
from typing import Final

from django.utils.safestring import SafeString

from apps.backoffice.kit.display import Tone, chip, words
from apps.reconciliation.states import DiscrepancyKind, DiscrepancyStatus, SettlementStatus

D = DiscrepancyStatus
S = SettlementStatus
_STATUSES: Final = {
    D.OPEN: Tone.WARNING,
    D.RESOLVED: Tone.GOOD,
    D.WRITTEN_OFF: Tone.BAD,
    D.IGNORED: Tone.NEUTRAL,
}
_SETTLEMENTS: Final = {
    S.ANNOUNCED: (Tone.WARNING, "Sums do not agree yet"),
    S.IN_TRANSIT: (Tone.BUSY, "On its way to the bank"),
    S.RECEIVED: (Tone.GOOD, "Received"),
    S.FAILED: (Tone.BAD, "Came back"),
}

# An exception older than this many days turns orange, then red.
AGEING: Final = timedelta(days=3)
OLD: Final = timedelta(days=7)


def status_chip(status: str) -> SafeString:
    """Return how an exception ended, or that it has not."""
    return chip(words(status), _STATUSES[DiscrepancyStatus(status)])


def kind_text(kind: str) -> str:
    """Return in words what does not agree."""
    return str(DiscrepancyKind(kind).label)


def settlement_chip(status: str) -> SafeString:
    """Return how far a payout has come."""
    tone, text = _SETTLEMENTS[SettlementStatus(status)]
    return chip(text, tone)


def age_chip(day: date, *, today: date) -> SafeString:
    """Return how many days ago the money moved."""
    age = today - day
    tone = Tone.BAD if age >= OLD else Tone.WARNING if age >= AGEING else Tone.NEUTRAL
    return chip(f"{max(age.days, 0)} d", tone)
