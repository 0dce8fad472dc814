"""Boundaries of billing periods: AC-28 and AC-29, and what a wrong calendar would do."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.subscriptions.policies.time import (
    Cycle,
    Interval,
    IntervalUnit,
    Period,
    add_days,
    from_wall_clock,
)

MONTH = Interval(IntervalUnit.MONTH)
YEAR = Interval(IntervalUnit.YEAR)
QUARTER = Interval(IntervalUnit.MONTH, 3)
HALF_YEAR = Interval(IntervalUnit.MONTH, 6)
NEW_YORK, LOS_ANGELES = "America/New_York", "America/Los_Angeles"

Boundaries = Callable[[datetime, Interval, int], list[str]]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall_clock(text: str) -> datetime:
    return datetime.fromisoformat(text)


ANY_TIME = st.datetimes(wall_clock("2000-01-01"), wall_clock("2040-01-01"))


def from_anchor(anchor: datetime, interval: Interval, count: int) -> list[str]:
    cycle = Cycle(anchor, interval)
    return [f"{cycle.boundary(number):%Y-%m-%d}" for number in range(1, count + 1)]


def from_previous_date(anchor: datetime, interval: Interval, count: int) -> list[str]:
    """Step from boundary to boundary, as is plausible and wrong: the day of the anchor is lost."""
    found = []
    for _ in range(count):
        anchor = Cycle(anchor, interval).boundary(1)
        found.append(f"{anchor:%Y-%m-%d}")
    return found


MONTH_ENDS = [
    ("2025-01-31", MONTH, ["2025-02-28", "2025-03-31", "2025-04-30"]),
    ("2024-01-31", MONTH, ["2024-02-29", "2024-03-31"]),
    ("2025-01-30", MONTH, ["2025-02-28", "2025-03-30"]),
    ("2024-02-29", YEAR, ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
    ("2024-11-30", QUARTER, ["2025-02-28", "2025-05-30", "2025-08-30"]),
    ("2024-08-31", HALF_YEAR, ["2025-02-28", "2025-08-31"]),
]


@pytest.mark.parametrize(("anchor", "interval", "expected"), MONTH_ENDS)
def test_ac_028_boundaries_follow_the_anchor(
    anchor: str, interval: Interval, expected: list[str]
) -> None:
    assert from_anchor(at(anchor), interval, len(expected)) == expected


@pytest.mark.parametrize(("anchor", "interval", "expected"), MONTH_ENDS)
def test_ac_028_stepping_from_the_previous_date_fails_every_month_end(
    anchor: str, interval: Interval, expected: list[str]
) -> None:
    stepped = from_previous_date(at(anchor), interval, len(expected))

    assert stepped != expected
    assert stepped[0] == expected[0]


def test_ac_029_a_trial_ends_on_the_wall_clock_and_sets_the_anchor_there() -> None:
    start = datetime.fromisoformat("2017-03-01T23:30:00-08:00")

    end = add_days(start, 30, LOS_ANGELES)

    assert end == at("2017-04-01T06:30:00")  # March 31, 23:30 with daylight saving
    april_30 = Cycle(end, MONTH, LOS_ANGELES).boundary(1)
    assert april_30 == at("2017-05-01T06:30:00")  # April 30, 23:30: the anchor's day is the 31st


def test_ac_029_the_anchor_day_is_the_customers_day_not_that_of_utc() -> None:
    cycle = Cycle(at("2023-03-01T03:47:56"), MONTH, NEW_YORK)

    local_days = [cycle.boundary(n) - timedelta(hours=4) for n in range(1, 4)]

    assert [f"{day:%m-%d}" for day in local_days] == ["03-28", "04-28", "05-28"]
    assert cycle.period_at(at("2023-05-28T12:00:00")).start == at("2023-04-29T02:47:56")


def test_ac_029_a_month_with_a_change_of_clocks_has_fewer_seconds() -> None:
    cycle = Cycle(at("2025-03-01T05:00:00"), MONTH, NEW_YORK)

    assert cycle.period(0) == Period(at("2025-03-01T05:00:00"), at("2025-04-01T04:00:00"))
    assert cycle.period(0).seconds == 2_674_800


def test_ac_029_a_time_that_the_clock_skips_or_shows_twice_happens_once() -> None:
    skipped, twice = wall_clock("2025-03-09T02:30"), wall_clock("2025-11-02T01:30")

    assert from_wall_clock(skipped, NEW_YORK) == at("2025-03-09T07:30:00")
    assert from_wall_clock(twice, NEW_YORK) == at("2025-11-02T05:30:00")


def test_ac_029_daily_periods_over_a_change_of_clocks_neither_overlap_nor_leave_gaps() -> None:
    cycle = Cycle(at("2025-03-07T07:30:00"), Interval(IntervalUnit.DAY), NEW_YORK)

    starts = [cycle.boundary(number) for number in range(5)]

    assert [f"{start:%d %H:%M}" for start in starts] == [
        "07 07:30", "08 07:30", "09 07:30", "10 06:30", "11 06:30",
    ]  # fmt: skip


def test_a_moment_before_the_anchor_lies_in_a_period_too() -> None:
    cycle = Cycle(at("2025-06-15"), MONTH)

    assert cycle.period_at(at("2025-06-01")) == Period(at("2025-05-15"), at("2025-06-15"))
    assert cycle.period_at(at("2025-06-15")) == Period(at("2025-06-15"), at("2025-07-15"))


@given(
    anchor=ANY_TIME,
    moment=ANY_TIME,
    unit=st.sampled_from(IntervalUnit),
    count=st.integers(1, 12),
    zone=st.sampled_from(["UTC", NEW_YORK, "Europe/Berlin", "Australia/Lord_Howe", "Asia/Tokyo"]),
)
def test_every_moment_lies_in_exactly_one_period(
    anchor: datetime, moment: datetime, unit: IntervalUnit, count: int, zone: str
) -> None:
    cycle = Cycle(anchor.replace(tzinfo=UTC), Interval(unit, count), zone)
    instant = moment.replace(tzinfo=UTC)

    number = cycle.number_at(instant)

    assert cycle.boundary(number) <= instant < cycle.boundary(number + 1)
    assert cycle.period(number).end == cycle.period(number + 1).start
