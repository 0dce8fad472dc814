"""The schedule of retries: AC-30, AC-31, AC-34, AC-36."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.subscriptions.policies.dunning import DunningTerms, has_access, is_capped, is_hard_decline
from apps.subscriptions.policies.dunning import retry_at as slot_at

FIRST = datetime(2025, 1, 31, 10, tzinfo=UTC)


def schedule(terms: DunningTerms, first: datetime, zone: str = "UTC") -> list[str]:
    found: list[str] = []
    for slot in range(10):
        at = slot_at(terms, first_failed_at=first, slot=slot, time_zone=zone)
        if at is None:
            return found
        found.append(f"{at:%m-%d %H:%M}")
    raise AssertionError("the schedule does not end")


def test_ac_030_retries_come_on_days_1_3_5_and_7_after_the_first_failure() -> None:
    assert schedule(DunningTerms(), FIRST) == [
        "02-01 10:00", "02-03 10:00", "02-05 10:00", "02-07 10:00",
    ]  # fmt: skip


def test_ac_030_in_local_time_the_wall_clock_is_kept_over_a_change_of_clocks() -> None:
    first = datetime(2025, 3, 8, 15, tzinfo=UTC)  # 10:00 in New York, a day before the change

    local = schedule(DunningTerms((1, 3), local_time=True), first, "America/New_York")

    assert local == ["03-09 14:00", "03-11 14:00"]
    assert schedule(DunningTerms((1, 3)), first, "America/New_York") == [
        "03-09 15:00", "03-11 15:00",
    ]  # fmt: skip


def test_a_retry_can_wait_for_the_hour_at_which_cards_have_money() -> None:
    terms = DunningTerms((1, 3), local_time=True, hour_of_day=9)

    assert schedule(terms, FIRST, "Europe/Berlin") == ["02-01 08:00", "02-03 08:00"]


@pytest.mark.parametrize(
    ("error_class", "code", "advice", "is_hard"),
    [
        ("retryable", "insufficient_funds", "", False),
        ("retryable", "generic_decline", "try_again_later", False),
        ("authentication_required", "authentication_required", "", False),
        ("not_sent", "gateway_unavailable", "", False),
        ("terminal", "stolen_card", "", True),
        ("fraud", "fraudulent", "", True),
        ("retryable", "pickup_card", "", True),
        ("retryable", "generic_decline", "do_not_try_again", True),
    ],
)
def test_ac_031_a_hard_decline_asks_for_another_card(
    error_class: str, code: str, advice: str, is_hard: bool
) -> None:
    found = is_hard_decline(error_class=error_class, decline_code=code, advice_code=advice)

    assert found is is_hard


@pytest.mark.parametrize(
    ("brand", "now", "hours_apart", "allowed"),
    [
        ("visa", datetime(2025, 5, 24, tzinfo=UTC), 40, 15),
        ("visa", datetime(2025, 5, 25, tzinfo=UTC), 30, 20),
        ("mastercard", datetime(2026, 1, 1, tzinfo=UTC), 2, 10),
        ("mastercard", datetime(2026, 1, 1, tzinfo=UTC), 20, 35),
    ],
)
def test_ac_034_tries_stop_at_the_schemes_cap(
    brand: str, now: datetime, hours_apart: int, allowed: int
) -> None:
    made = [now - timedelta(hours=hours_apart * n) for n in range(allowed)]

    assert is_capped(brand, made[:-1], now) is False
    assert is_capped(brand, made, now) is True
    assert is_capped("amex", made, now) is False


def test_ac_034_tries_of_last_month_do_not_count() -> None:
    now = datetime(2026, 1, 31, tzinfo=UTC)

    assert is_capped("visa", [now - timedelta(days=30)] * 40, now) is False


def test_ac_036_past_due_keeps_service_for_the_grace() -> None:
    terms = DunningTerms(grace_days=7)
    last_day = FIRST + timedelta(days=7) - timedelta(seconds=1)

    assert has_access("active", past_due_since=None, terms=terms, now=FIRST)
    assert has_access("past_due", past_due_since=FIRST, terms=terms, now=last_day)
    assert not has_access(
        "past_due", past_due_since=FIRST, terms=terms, now=last_day + timedelta(seconds=1)
    )
    assert not has_access("unpaid", past_due_since=FIRST, terms=terms, now=FIRST)
    assert not has_access("canceled", past_due_since=None, terms=terms, now=FIRST)
