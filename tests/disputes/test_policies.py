"""Deadlines at their edges: a change of clocks, midnight, opened late, told late; by the second."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.disputes.policies import (
    Standing,
    answer_by,
    is_expired,
    next_check,
    next_step,
    reminder_due,
    status_after,
)
from apps.disputes.states import DisputeStage, DisputeStatus
from apps.gateways.base import DisputeResult, DisputeState
from apps.gateways.base import DisputeStage as GatewayStage

BERLIN = ZoneInfo("Europe/Berlin")
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=each) for each in (1, 60, 3600, 86_400))
DUE = datetime(2026, 6, 10, 21, 59, 59, tzinfo=UTC)


def berlin(text: str) -> datetime:
    """Return what a clock in Berlin shows, as the database returns it: in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def reminders(due_at: datetime, *, opened_at: datetime, step: timedelta) -> list[tuple[int, str]]:
    """Return what is reminded of, and when in Berlin, by somebody who looks at each step."""
    found: list[tuple[int, str]] = []
    now = opened_at
    while now <= due_at:
        last = found[-1][0] if found else None
        days = reminder_due(due_at, last_reminder=last, now=now)
        if days is not None:
            found.append((days, f"{now.astimezone(BERLIN):%Y-%m-%d %H:%M}"))
        now += step
    return found


def told(state: DisputeState, *, due_at: datetime | None = DUE) -> DisputeResult:
    """Return what a gateway says of a chargeback that nobody has answered."""
    return DisputeResult(
        state=state,
        stage=GatewayStage.CHARGEBACK,
        reference="du_1",
        amount=1000,
        currency="EUR",
        reason="fraudulent",
        opened_at=DUE - 10 * DAY,
        payment_reference="pi_1",
        charge_reference="ch_1",
        due_at=due_at,
    )


def known(status: DisputeStatus) -> Standing:
    """Return a chargeback of ours that nobody has answered."""
    return Standing(status=status, stage=DisputeStage.CHARGEBACK, submissions=0, due_at=DUE)


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        # In autumn a day has 25 hours: whole days before are an hour later on the clock.
        ("2026-10-25 23:59", ["2026-10-19 00:59", "2026-10-23 00:59", "2026-10-25 00:59"]),
        # In spring it has 23.
        ("2026-03-29 23:59", ["2026-03-22 22:59", "2026-03-26 22:59", "2026-03-28 22:59"]),
    ],
)
def test_ac_087_reminders_come_whole_days_before_also_when_clocks_change(
    due: str, expected: list[str]
) -> None:
    due_at = berlin(due)

    found = reminders(due_at, opened_at=due_at - 10 * DAY, step=MINUTE)

    assert found == list(zip((7, 3, 1), expected, strict=True))


def test_ac_087_a_deadline_in_the_hour_that_comes_twice_ends_in_the_one_it_names() -> None:
    first, second = (
        datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=fold).astimezone(UTC) for fold in (0, 1)
    )

    assert second - first == HOUR
    assert is_expired(first, now=second)
    assert not is_expired(second, now=first + 5 * MINUTE)


@pytest.mark.parametrize(
    ("due", "hours", "ours"),
    [
        # Past midnight into the day, the month and the year before.
        ("2026-06-11T00:30:00+02:00", 1, "2026-06-10T23:30:00+02:00"),
        ("2026-03-01T00:00:00+01:00", 24, "2026-02-28T00:00:00+01:00"),
        ("2027-01-01T00:59:59+01:00", 1, "2026-12-31T23:59:59+01:00"),
        # A day is 24 hours, however many the calendar's has.
        ("2026-10-25T23:59:00+01:00", 24, "2026-10-25T00:59:00+02:00"),
        ("2026-03-29T23:59:00+02:00", 24, "2026-03-28T22:59:00+01:00"),
    ],
)
def test_ac_087_our_own_deadline_lies_the_buffer_before_the_gateways(
    due: str, hours: int, ours: str
) -> None:
    found = answer_by(datetime.fromisoformat(due), buffer=timedelta(hours=hours))

    assert found == datetime.fromisoformat(ours)


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (10 * DAY, [7, 3, 1]),
        # Exactly a week: it opens with its first reminder.
        (7 * DAY, [7, 3, 1]),
        (7 * DAY - SECOND, [7, 3, 1]),
        # Opened two days before: the one for three days comes at once, that for seven never.
        (2 * DAY, [3, 1]),
        (DAY, [1]),
        (SECOND, [1]),
        (timedelta(0), []),
    ],
)
def test_ac_087_a_dispute_that_opens_late_is_reminded_of_at_once(
    left: timedelta, expected: list[int]
) -> None:
    opened_at = DUE - left

    found = reminders(DUE, opened_at=opened_at, step=MINUTE)

    assert [days for days, _ in found] == expected
    is_at_once = bool(expected) and left <= 7 * DAY
    assert (reminder_due(DUE, last_reminder=None, now=opened_at) is not None) == is_at_once


@pytest.mark.parametrize(
    ("now", "days"),
    [
        (DUE - 7 * DAY - SECOND, None),
        (DUE - 7 * DAY, 7),
        (DUE - 3 * DAY - SECOND, 7),
        (DUE - 3 * DAY, 3),
        (DUE - DAY, 1),
        (DUE - SECOND, 1),
        (DUE, None),
    ],
)
def test_ac_087_a_reminder_begins_with_its_second(now: datetime, days: int | None) -> None:
    assert reminder_due(DUE, last_reminder=None, now=now) == days
    assert reminder_due(DUE, last_reminder=days, now=now) is None


@pytest.mark.parametrize(
    ("now", "at"),
    [
        # A dispute is looked at when something is due, and else every six hours.
        (DUE - 8 * DAY, DUE - 8 * DAY + 6 * HOUR),
        (DUE - 7 * DAY - HOUR, DUE - 7 * DAY),
        (DUE - 3 * HOUR, DUE + 5 * MINUTE),
        (DUE, DUE + 5 * MINUTE),
        # A webhook that comes after the end is followed up like any other.
        (DUE + 5 * MINUTE, DUE + 5 * MINUTE + 6 * HOUR),
        (DUE + 30 * DAY, DUE + 30 * DAY + 6 * HOUR),
    ],
)
def test_an_open_dispute_is_read_again_in_time(now: datetime, at: datetime) -> None:
    assert next_check(now, due_at=DUE) == at


def test_ac_087_five_minutes_past_its_deadline_a_dispute_is_over() -> None:
    moments = (DUE, DUE + 5 * MINUTE - SECOND, DUE + 5 * MINUTE)

    assert [is_expired(DUE, now=now) for now in moments] == [False, False, True]
    assert not is_expired(None, now=DUE)
    # On a test clock the next step after the end is the end; an inquiry has none.
    assert next_step(DUE, last_reminder=1, expires=True, now=DUE) == DUE + 5 * MINUTE
    assert next_step(DUE, last_reminder=1, expires=False, now=DUE) is None


@pytest.mark.parametrize(
    ("status", "now", "after"),
    [
        # Before the deadline a loss is the bank's decision, from then on our silence.
        (DisputeStatus.NEEDS_RESPONSE, DUE - SECOND, DisputeStatus.LOST),
        (DisputeStatus.NEEDS_RESPONSE, DUE, DisputeStatus.EXPIRED),
        (DisputeStatus.NEEDS_RESPONSE, DUE + 30 * DAY, DisputeStatus.EXPIRED),
        # One of which the first webhook tells after its end was not ours to answer.
        (DisputeStatus.OPENED, DUE + DAY, DisputeStatus.LOST),
        # What had ended stays as it had.
        (DisputeStatus.EXPIRED, DUE + DAY, DisputeStatus.EXPIRED),
        (DisputeStatus.ACCEPTED, DUE + DAY, DisputeStatus.ACCEPTED),
        (DisputeStatus.UNDER_REVIEW, DUE + DAY, DisputeStatus.LOST),
    ],
)
def test_ac_087_a_loss_that_is_told_late_is_called_by_its_cause(
    status: DisputeStatus, now: datetime, after: DisputeStatus
) -> None:
    assert status_after(known(status), told(DisputeState.LOST), now=now) == after


def test_ac_087_a_dispute_that_is_told_after_its_deadline_still_opens() -> None:
    """The sweep lets it expire, once it has asked the gateway."""
    opened = status_after(
        known(DisputeStatus.OPENED), told(DisputeState.NEEDS_RESPONSE), now=DUE + DAY
    )

    assert opened == DisputeStatus.NEEDS_RESPONSE
    assert reminder_due(DUE, last_reminder=None, now=DUE + DAY) is None
    assert is_expired(DUE, now=DUE + DAY)
