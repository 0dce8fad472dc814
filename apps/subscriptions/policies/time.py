"""
When billing periods begin and end.

Every boundary is computed from the anchor and never from the boundary before it: a plan that
starts on January 31 bills on February 28 and then on March 31 again (AC-28). The calendar is the
customer's own: months and days are counted on the wall clock of their time zone (AC-29).
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

MONTHS_PER_YEAR = 12
DAYS_PER_WEEK = 7


class IntervalUnit(StrEnum):
    """The units that Stripe's prices know."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


# How long the units are on average, for a first guess that is a period off at most.
_AVERAGE = {
    IntervalUnit.DAY: timedelta(days=1),
    IntervalUnit.WEEK: timedelta(days=7),
    IntervalUnit.MONTH: timedelta(days=365.2425 / 12),
    IntervalUnit.YEAR: timedelta(days=365.2425),
}


@dataclass(frozen=True, slots=True)
class Interval:
    """How long one period is: `count` units of the calendar."""

    unit: IntervalUnit
    count: int = 1


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to just before `end`."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> int:
        """The length, of which shares are taken."""
        return (self.end - self.start) // timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Cycle:
    """The endless row of periods of one subscription: `boundary(0)` is the anchor."""

    anchor: datetime
    interval: Interval
    time_zone: str = "UTC"

    def boundary(self, number: int) -> datetime:
        """Return the instant at which period `number` begins; it may be negative."""
        local = self.anchor.astimezone(ZoneInfo(self.time_zone)).replace(tzinfo=None)
        return from_wall_clock(_advance(local, self.interval, number), self.time_zone)

    def period(self, number: int) -> Period:
        """Return period `number`."""
        return Period(self.boundary(number), self.boundary(number + 1))

    def number_at(self, moment: datetime) -> int:
        """Return the number of the period in which `moment` lies; a boundary opens its period."""
        # A few hours early or late the guess is the same: a boundary is not met to the second.
        number = round(
            (moment - self.anchor) / (_AVERAGE[self.interval.unit] * self.interval.count)
        )
        while self.boundary(number + 1) <= moment:
            number += 1
        while self.boundary(number) > moment:
            number -= 1
        return number

    def period_at(self, moment: datetime) -> Period:
        """Return the whole period in which `moment` lies."""
        return self.period(self.number_at(moment))

    def boundary_after(self, moment: datetime) -> datetime:
        """Return the end of the period in which `moment` lies."""
        return self.boundary(self.number_at(moment) + 1)


def from_wall_clock(local: datetime, time_zone: str) -> datetime:
    """
    Return the instant at which the wall clock of `time_zone` shows `local`.

    Where the clock skips the time, it is read as if it had not been put forward yet; where the
    clock shows it twice, the first time counts. So nothing is lost and nothing happens twice.
    """
    return local.replace(tzinfo=ZoneInfo(time_zone), fold=0).astimezone(UTC)


def add_days(moment: datetime, days: int, time_zone: str) -> datetime:
    """Return the instant `days` later at the same time of the customer's wall clock."""
    local = moment.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None)
    return from_wall_clock(local + timedelta(days=days), time_zone)


def add_months(moment: datetime, months: int, time_zone: str) -> datetime:
    """Return the instant `months` later on the customer's calendar."""
    return Cycle(moment, Interval(IntervalUnit.MONTH), time_zone).boundary(months)


def _advance(local: datetime, interval: Interval, number: int) -> datetime:
    steps = number * interval.count
    if interval.unit == IntervalUnit.DAY:
        return local + timedelta(days=steps)
    if interval.unit == IntervalUnit.WEEK:
        return local + timedelta(days=DAYS_PER_WEEK * steps)
    months = steps * (MONTHS_PER_YEAR if interval.unit == IntervalUnit.YEAR else 1)
    return _add_months(local, months)


def _add_months(local: datetime, months: int) -> datetime:
    """Move on the calendar; a day which the month does not have becomes the month's last."""
    years, month = divmod(local.month - 1 + months, MONTHS_PER_YEAR)
    year, month = local.year + years, month + 1
    return local.replace(year=year, month=month, day=min(local.day, monthrange(year, month)[1]))
