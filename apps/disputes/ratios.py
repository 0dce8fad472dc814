"""
What disputes come to: how often they are won, and how near the card schemes' limits are.

Pure arithmetic with whole numbers and Decimals; the counts come from `selectors`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from math import sqrt

# The two-sided 95 % quantile of the normal distribution.
_Z = 1.96
# Below this many decided disputes a rate says more about chance than about the work.
FEW = 30

# Visa's limit of its monitoring programme for merchants since April 2026, and the count below
# which nobody is looked at. Source: Visa Acquirer Monitoring Program (VAMP)
VAMP_LIMIT = Decimal("1.5")
VAMP_COUNT = 1500
# Mastercard's excessive chargeback programme: both the count and the ratio must be reached.
# Source: Mastercard, Excessive Chargeback Merchant and High Excessive Chargeback Merchant
ECM_LIMIT, ECM_COUNT = Decimal("1.5"), 100
HECM_LIMIT, HECM_COUNT = Decimal(3), 300

LIMITS: Mapping[str, Decimal] = {"visa": VAMP_LIMIT, "mastercard": ECM_LIMIT}
ALERT_STEPS = (50, 75, 100)


class Programme(StrEnum):
    """What a scheme calls a merchant with too many disputes."""

    NONE = ""
    VAMP = "VAMP"
    ECM = "ECM"
    HECM = "HECM"


@dataclass(frozen=True, slots=True)
class WinRate:
    """Won of all decided by the bank, in per cent, and between what the true rate likely lies."""

    won: int
    lost: int
    percent: Decimal | None
    low: Decimal
    high: Decimal

    @property
    def is_telling(self) -> bool:
        return self.won + self.lost >= FEW


@dataclass(frozen=True, slots=True)
class SchemeRatio:
    """One scheme's ratio of a month in per cent, and what the scheme would call the merchant."""

    percent: Decimal
    count: int
    programme: Programme
    alert: int


def win_rate(*, won: int, lost: int) -> WinRate:
    """
    Return won / (won + lost) with Wilson's interval (AC-91).

    Inquiries that were closed and disputes that were prevented were never decided.
    """
    decided = won + lost
    if not decided:
        return WinRate(0, 0, None, Decimal(0), Decimal(100))
    share = won / decided
    spread = _Z * _Z / decided
    middle = share + spread / 2
    margin = _Z * sqrt((share * (1 - share) + spread / 4) / decided)
    low, high = (_round(Decimal(100 * (middle + sign * margin) / (1 + spread))) for sign in (-1, 1))
    return WinRate(won, lost, _percent(won, decided), max(low, Decimal(0)), min(high, Decimal(100)))


def vamp_ratio(*, fraud_reports: int, disputes: int, settled: int) -> SchemeRatio:
    """
    Return Visa's ratio of a month: fraud reports and disputes of settled payments (AC-90).

    :param settled: payments settled in the same month
    """
    count = fraud_reports + disputes
    percent = _percent(count, settled)
    is_over = percent >= VAMP_LIMIT and count >= VAMP_COUNT
    return SchemeRatio(
        percent, count, Programme.VAMP if is_over else Programme.NONE, _alert(percent, VAMP_LIMIT)
    )


def mastercard_ratio(*, disputes: int, previous_payments: int) -> SchemeRatio:
    """
    Return Mastercard's ratio of a month: its disputes of the month before's payments (AC-90).

    :param previous_payments: payments in the month before
    """
    percent = _percent(disputes, previous_payments)
    programme = Programme.NONE
    if percent >= HECM_LIMIT and disputes >= HECM_COUNT:
        programme = Programme.HECM
    elif percent >= ECM_LIMIT and disputes >= ECM_COUNT:
        programme = Programme.ECM
    return SchemeRatio(percent, disputes, programme, _alert(percent, ECM_LIMIT))


def projected(count: int, *, day: int, days: int) -> int:
    """Return what `count` of the first `day` days of a month comes to at its end, rounded up."""
    return -(-count * days // day)


def _alert(percent: Decimal, limit: Decimal) -> int:
    """Return how much of the limit is used up, as the highest step of ALERT_STEPS reached."""
    used = percent / limit * 100
    return max((step for step in ALERT_STEPS if used >= step), default=0)


def _percent(part: int, whole: int) -> Decimal:
    return _round(Decimal(100 * part) / whole) if whole else Decimal(0)


def _round(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"))
