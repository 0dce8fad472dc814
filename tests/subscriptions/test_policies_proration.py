"""Proration: AC-20 to AC-27 and AC-44, and the two roundings that look right and are not."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.subscriptions.policies.proration import (
    Proration,
    ProrationUnit,
    prorate,
    prorate_change,
    remaining_share,
    restart_cycle,
    round_half_up,
)
from apps.subscriptions.policies.time import Cycle, Interval, IntervalUnit, Period

MONTH, YEAR = Interval(IntervalUnit.MONTH), Interval(IntervalUnit.YEAR)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def period(start: str, end: str) -> Period:
    return Period(at(start), at(end))


def change(old: int, new: int, within: Period, moment: str) -> tuple[int, int]:
    lines = prorate_change(
        old_amount=old, new_amount=new, share=remaining_share(within, at(moment))
    )
    return lines.credit, lines.debit


JUNE = period("2025-06-01", "2025-07-01")


def test_ac_020_an_upgrade_in_the_middle_of_june_costs_half_the_difference() -> None:
    assert change(1000, 2000, JUNE, "2025-06-16") == (-500, 1000)


@pytest.mark.parametrize(
    ("anchor", "interval", "moment", "amounts", "lines"),
    [
        ("2025-06-01", MONTH, "2025-06-11", (10000, 30000), (-6667, 20000)),
        ("2024-02-18", MONTH, "2024-02-25", (10000, 30000), (-7586, 22759)),
        ("2024-08-01", YEAR, "2024-10-01", (100000, 300000), (-83288, 249863)),
        ("2024-02-18", YEAR, "2024-09-05", (100000, 300000), (-45355, 136066)),
        ("2023-02-18", YEAR, "2023-09-05", (100000, 300000), (-45479, 136438)),
    ],
)
def test_ac_021_leap_years_and_odd_days_prorate_exactly(
    anchor: str,
    interval: Interval,
    moment: str,
    amounts: tuple[int, int],
    lines: tuple[int, int],
) -> None:
    within = Cycle(at(anchor), interval).period(0)

    assert change(*amounts, within, moment) == lines


def test_ac_022_another_interval_begins_a_new_cycle_at_its_full_price() -> None:
    half = remaining_share(JUNE, at("2025-06-16"))
    year = period("2025-01-01", "2026-01-01")

    to_yearly = restart_cycle(old_amount=10000, new_amount=100000, share=half)
    to_monthly = restart_cycle(
        old_amount=100000, new_amount=10000, share=remaining_share(year, at("2025-03-15"))
    )

    assert to_yearly == Proration(credit=-5000, debit=100000)
    assert to_monthly == Proration(credit=-80000, debit=10000)
    assert to_monthly.net == -70000


# --- AC-23: where the rounding happens -------------------------------------------------------

Net = Callable[[int, int, Fraction], int]
JANUARY = period("2025-01-01", "2025-02-01")


def per_line(old: int, new: int, share: Fraction) -> int:
    return prorate_change(old_amount=old, new_amount=new, share=share).net


def net_rounded(old: int, new: int, share: Fraction) -> int:
    """Round the difference instead of the lines: plausible and wrong."""
    return round_half_up((new - old) * share)


def with_rounded_share(old: int, new: int, share: Fraction) -> int:
    """Round the share before it is used, each side for itself: plausible and wrong."""
    rounded = (Decimal(share.numerator) / share.denominator).quantize(
        Decimal("0.0001"), ROUND_HALF_UP
    )
    return round_half_up(Fraction(rounded) * new) - round_half_up(Fraction(rounded) * old)


def check_ac_023(net: Net) -> None:
    assert net(10000, 20000, remaining_share(JANUARY, at("2025-01-10T12:00"))) == 6936


def check_ac_021(net: Net) -> None:
    within = Cycle(at("2024-02-18"), YEAR).period(0)
    assert net(100000, 300000, remaining_share(within, at("2024-09-05"))) == 90711


def test_ac_023_the_invoice_is_the_sum_of_lines_rounded_one_by_one() -> None:
    assert change(10000, 20000, JANUARY, "2025-01-10T12:00") == (-6935, 13871)
    check_ac_023(per_line)
    check_ac_021(per_line)


def test_ac_023_rounding_the_net_is_caught() -> None:
    with pytest.raises(AssertionError):
        check_ac_023(net_rounded)


def test_ac_021_rounding_the_shares_is_caught() -> None:
    with pytest.raises(AssertionError):
        check_ac_021(with_rounded_share)


def test_ac_023_halves_go_away_from_zero() -> None:
    halves = [Fraction(1, 2), Fraction(-1, 2), Fraction(5, 2), Fraction(-5, 2), Fraction(-3, 10)]

    assert [round_half_up(half) for half in halves] == [1, -1, 3, -3, 0]


def test_ac_024_seats_are_prorated_by_their_whole_amount() -> None:
    assert change(3 * 1000, 5 * 1000, JUNE, "2025-06-21") == (-1000, 1667)


def test_ac_025_there_and_back_drifts_by_less_than_a_unit_per_line() -> None:
    there = change(1000, 2000, JUNE, "2025-06-11")
    back = change(2000, 1000, JUNE, "2025-06-21")

    assert (there, back) == ((-667, 1333), (-667, 333))
    assert sum(there) + sum(back) == 332


def test_ac_025_a_change_undone_at_the_same_instant_costs_nothing() -> None:
    there = change(1000, 2000, JUNE, "2025-06-11T10:00")
    back = change(2000, 1000, JUNE, "2025-06-11T10:00")

    assert sum(there) + sum(back) == 0


def test_ac_026_at_the_edges_of_a_period_all_or_nothing_is_left() -> None:
    assert change(1000, 2000, JUNE, "2025-06-01") == (-1000, 2000)
    assert change(1000, 2000, JUNE, "2025-07-01") == (0, 0)


def test_ac_027_the_whole_period_is_the_denominator_also_for_late_joiners() -> None:
    quarter = Cycle(at("2024-01-01"), Interval(IntervalUnit.MONTH, 3)).period(0)
    joined = at("2024-02-19")

    assert quarter.seconds == 91 * 86400
    assert remaining_share(quarter, joined) == Fraction(42, 91)
    assert remaining_share(quarter, at("2024-03-11")) == Fraction(21, 91)


@pytest.mark.parametrize(
    ("start", "end", "moment", "ratio", "amount"),
    [
        ("2025-01-01", "2025-02-01", "2025-01-09T17:00", "0.741935484", 2225),
        ("2025-06-01", "2025-07-01", "2025-06-09T08:00", "0.733333333", 2199),
        ("2025-02-01", "2025-03-01", "2025-02-09T00:00", "0.714285714", 2142),
        ("2024-02-01", "2024-03-01", "2024-02-09T23:59", "0.724137931", 2172),
    ],
)
def test_ac_027_in_day_mode_a_begun_day_counts_whole(
    start: str, end: str, moment: str, ratio: str, amount: int
) -> None:
    share = remaining_share(period(start, end), at(moment), unit=ProrationUnit.DAY)

    shown = (Decimal(share.numerator) / share.denominator).quantize(Decimal("1e-9"))
    assert str(shown) == ratio
    assert prorate(2999, share) == amount


def test_ac_029_the_second_that_the_clocks_skip_is_not_charged() -> None:
    march = Cycle(at("2025-03-01T05:00"), MONTH, "America/New_York").period(0)
    mid_march = at("2025-03-16T04:00")

    by_second = remaining_share(march, mid_march)
    by_day = remaining_share(march, mid_march, unit=ProrationUnit.DAY, time_zone="America/New_York")

    assert (prorate(10000, by_second), prorate(10000, by_day)) == (5168, 5161)


def test_ac_044_yen_have_no_decimals_to_hide_in() -> None:
    assert change(1000, 3000, JUNE, "2025-06-11") == (-667, 2000)


@given(
    old=st.integers(0, 10**8),
    new=st.integers(0, 10**8),
    second=st.integers(0, 30 * 86400),
)
def test_each_line_is_within_half_a_unit_of_the_exact_share(
    old: int, new: int, second: int
) -> None:
    share = Fraction(30 * 86400 - second, 30 * 86400)

    lines = prorate_change(old_amount=old, new_amount=new, share=share)

    assert abs(lines.credit + old * share) <= Fraction(1, 2)
    assert abs(lines.debit - new * share) <= Fraction(1, 2)
    assert -old <= lines.credit <= 0 <= lines.debit <= new
