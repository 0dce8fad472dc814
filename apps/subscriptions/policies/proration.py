"""
What is left of a period when a subscription changes in its middle.

Shares are exact fractions of the *whole* period in seconds, also for someone who joined within it
(AC-27). Each line is rounded for itself, half away from zero, and the invoice is the sum of its
lines (AC-23): rounding the net instead would leave lines which do not add up.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from zoneinfo import ZoneInfo

from apps.subscriptions.policies.time import Period


class ProrationUnit(StrEnum):
    """Whether a day that has begun counts by its seconds or as a whole."""

    SECOND = "second"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Proration:
    """The two lines of a change: what is given back (zero or below) and what is charged."""

    credit: int
    debit: int

    @property
    def net(self) -> int:
        """What the customer owes on balance; below zero they have something to their credit."""
        return self.credit + self.debit


def round_half_up(value: Fraction) -> int:
    """Return the nearest integer; halves go away from zero, as merchants are used to."""
    magnitude = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return magnitude if value >= 0 else -magnitude


def remaining_share(
    period: Period,
    at: datetime,
    *,
    unit: ProrationUnit = ProrationUnit.SECOND,
    time_zone: str = "UTC",
) -> Fraction:
    """Return which share of the period is left at `at`: 1 at its start, 0 from its end on."""
    if at <= period.start:
        return Fraction(1)
    if at >= period.end:
        return Fraction(0)
    if unit == ProrationUnit.DAY:
        zone = ZoneInfo(time_zone)
        first, last = period.start.astimezone(zone).date(), period.end.astimezone(zone).date()
        # A period within one day has no days to share.
        days = max(1, (last - first).days)
        return Fraction((last - at.astimezone(zone).date()).days, days)
    microsecond = timedelta(microseconds=1)
    return Fraction((period.end - at) // microsecond, (period.end - period.start) // microsecond)


def prorate(amount: int, share: Fraction) -> int:
    """Return the share of `amount` in minor units."""
    return round_half_up(amount * share)


def prorate_change(*, old_amount: int, new_amount: int, share: Fraction) -> Proration:
    """
    Return the lines of a change within one cycle.

    Amounts are what each side costs for the whole period, in minor units: price times quantity.
    """
    return Proration(credit=-prorate(old_amount, share), debit=prorate(new_amount, share))


def restart_cycle(*, old_amount: int, new_amount: int, share: Fraction) -> Proration:
    """Return the lines of a change that begins a new cycle: the new price in full (AC-22)."""
    return Proration(credit=-prorate(old_amount, share), debit=new_amount)
