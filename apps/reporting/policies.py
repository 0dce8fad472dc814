"""The forecast of payouts: arithmetic on whole minor units, without I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Final

from apps.reporting.calendars import PayoutCalendar

# Days of the same weekday that are looked at: enough for a tenth, few enough to follow a trend.
WEEKS_BACK: Final = 8
FORECAST_DAYS: Final = 14
_DAYS_PER_WEEK: Final = 7
# A business that grew more than this within weeks is told by no rule.
_MOST_GROWTH: Final = Fraction(2)


@dataclass(frozen=True, slots=True)
class ExpectedPayout:
    """What arrives on a day; `known` of it is booked, the rest is guessed from former weeks."""

    arrives_on: date
    known: int
    low: int
    expected: int
    high: int


def forecast_payouts(
    *, net_by_day: Mapping[date, int], today: date, calendar: PayoutCalendar
) -> list[ExpectedPayout]:
    """
    Return the payouts of the next FORECAST_DAYS days, oldest first, days without one left out.

    `net_by_day` is what each day added to the money at the gateway: captures less refunds, fees
    and disputes. Days that have ended are known; today counts as what is booked, or as a usual day
    of its weekday if that is more; later days are usual days of their weekday. What is usual grows
    as the last two weeks grew.
    """
    payouts: dict[date, ExpectedPayout] = {}
    # The longest delay and its holidays lie well within as many days as are forecast.
    for offset in range(-FORECAST_DAYS, FORECAST_DAYS + 1):
        day = today + timedelta(days=offset)
        arrives_on = calendar.arrival_of(day)
        if not today < arrives_on <= today + timedelta(days=FORECAST_DAYS):
            continue
        part = _expect(day, net_by_day=net_by_day, today=today)
        before = payouts.get(arrives_on, ExpectedPayout(arrives_on, 0, 0, 0, 0))
        payouts[arrives_on] = ExpectedPayout(
            arrives_on,
            before.known + part.known,
            before.low + part.low,
            before.expected + part.expected,
            before.high + part.high,
        )
    return [payouts[day] for day in sorted(payouts)]


def _expect(day: date, *, net_by_day: Mapping[date, int], today: date) -> ExpectedPayout:
    booked = net_by_day.get(day, 0)
    if day < today:
        return ExpectedPayout(day, booked, booked, booked, booked)
    low, middle, high = _usual(day, net_by_day=net_by_day, today=today)
    return ExpectedPayout(day, booked, max(booked, low), max(booked, middle), max(booked, high))


def _usual(day: date, *, net_by_day: Mapping[date, int], today: date) -> tuple[int, int, int]:
    """Return the tenth, fiftieth and ninetieth percentile of the weekday's latest days."""
    latest = day - timedelta(days=_DAYS_PER_WEEK)
    while latest >= today:
        latest -= timedelta(days=_DAYS_PER_WEEK)
    weeks = [latest - timedelta(days=_DAYS_PER_WEEK * back) for back in range(WEEKS_BACK)]
    first = min(net_by_day, default=today)
    seen = sorted(net_by_day.get(week, 0) for week in weeks if week >= first)
    if not seen:
        return 0, 0, 0
    growth = _growth(net_by_day, today=today)
    # Sorted again: growth turns the order of negative days around.
    low, middle, high = sorted(round(percentile(seen, share) * growth) for share in (10, 50, 90))
    return low, middle, high


def _growth(net_by_day: Mapping[date, int], *, today: date) -> Fraction:
    """Return the last two weeks against a mean fortnight of all that is looked at, bounded."""
    days = [today - timedelta(days=back) for back in range(1, WEEKS_BACK * _DAYS_PER_WEEK + 1)]
    if min(net_by_day, default=today) > days[-1]:
        # Too young to tell growth from the beginning.
        return Fraction(1)
    total = sum(net_by_day.get(day, 0) for day in days)
    recent = sum(net_by_day.get(day, 0) for day in days[: 2 * _DAYS_PER_WEEK])
    if total <= 0 or recent <= 0:
        return Fraction(1)
    growth = Fraction(recent * WEEKS_BACK, 2 * total)
    return min(max(growth, 1 / _MOST_GROWTH), _MOST_GROWTH)


def percentile(ordered: Sequence[int], share: int) -> int:
    """
    Return the percentile between its two neighbours, rounded to a whole unit, half up.

    Of few values the outer ones are the lowest and the highest: the next value lies below the
    lowest of n in one case of n + 1.
    """
    place = (len(ordered) + 1) * share - 100
    index, rest = divmod(min(max(place, 0), (len(ordered) - 1) * 100), 100)
    if not rest:
        return ordered[index]
    low, high = ordered[index], ordered[index + 1]
    return low + (2 * (high - low) * rest + 100) // 200


def mean_error_percent(pairs: Sequence[tuple[int, int]]) -> int | None:
    """
    Return the mean absolute error of (expected, arrived) in hundredths of a per cent (MAPE).

    None without a day on which something arrived.
    """
    told = [(expected, arrived) for expected, arrived in pairs if arrived]
    if not told:
        return None
    total = sum(abs(expected - arrived) * 10_000 // abs(arrived) for expected, arrived in told)
    return total // len(told)
