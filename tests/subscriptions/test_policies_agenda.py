"""What is due next, and what the balance does to an invoice."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.subscriptions.policies.agenda import Calendar, Duty, next_duty
from apps.subscriptions.policies.balance import (
    Settlement,
    credit_change,
    settle_with_balance,
)

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
END = datetime(2025, 2, 1, tzinfo=UTC)


def calendar(status: str, **dates: object) -> Calendar:
    return Calendar(status=status, created_at=BEGIN, period_end=END, **dates)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("dates", "duty", "at"),
    [
        (calendar("active"), Duty.RENEW, END),
        (calendar("past_due"), Duty.RENEW, END),
        (calendar("unpaid"), Duty.RENEW, END),
        (calendar("active", cancel_at_period_end=True), Duty.CANCEL, END),
        (calendar("active", cancel_at=END), Duty.CANCEL, END),
        (calendar("active", cancel_at=END - timedelta(1)), Duty.CANCEL, END - timedelta(1)),
        (calendar("incomplete"), Duty.EXPIRE, BEGIN + timedelta(hours=23)),
        (calendar("trialing", trial_end=END), Duty.REMIND, END - timedelta(days=3)),
        (calendar("trialing", trial_end=END, trial_reminded=True), Duty.END_TRIAL, END),
        (
            calendar("trialing", trial_end=END, trial_reminded=True, cancel_at_period_end=True),
            Duty.CANCEL,
            END,
        ),
        (calendar("active", pause_resumes_at=BEGIN), Duty.RESUME_COLLECTION, BEGIN),
    ],
)
def test_the_clock_knows_what_is_due_next(dates: Calendar, duty: Duty, at: datetime) -> None:
    assert next_duty(dates) == (duty, at)


@pytest.mark.parametrize("status", ["canceled", "incomplete_expired", "paused"])
def test_nothing_is_due_for_what_is_over_or_paused(status: str) -> None:
    assert next_duty(calendar(status)) is None


@pytest.mark.parametrize(
    ("total", "balance", "settled"),
    [
        (1000, 0, Settlement(0, 1000, 0)),
        (1000, -300, Settlement(300, 700, 0)),
        (1000, -3000, Settlement(1000, 0, -2000)),
        (-70000, 0, Settlement(-70000, 0, -70000)),
        (1000, 20, Settlement(-20, 1020, 0)),
        (20, 0, Settlement(20, 0, 20)),
        (0, 0, Settlement(0, 0, 0)),
    ],
)
def test_ac_022_a_balance_settles_an_invoice_and_credit_is_kept(
    total: int, balance: int, settled: Settlement
) -> None:
    assert settle_with_balance(total=total, balance=balance, smallest_charge=50) == settled


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_money_is_neither_made_nor_lost_by_settling(total: int, balance: int) -> None:
    settled = settle_with_balance(total=total, balance=balance, smallest_charge=50)

    assert settled.amount_due == total - settled.applied
    assert settled.ending_balance == balance + settled.applied
    assert settled.amount_due == 0 or settled.amount_due >= 50


def test_only_the_part_below_zero_is_credit() -> None:
    assert credit_change(before=0, after=-700) == 700
    assert credit_change(before=-700, after=-200) == -500
    assert credit_change(before=-700, after=20) == -700
    assert credit_change(before=20, after=0) == 0
