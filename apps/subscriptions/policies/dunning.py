"""
When an unpaid invoice is tried again, when not, and what happens in the end.

The days count from the first failure and do not add up: 1, 3, 5, 7 means the first, third, fifth
and seventh day (AC-30). Slots pass by the clock whether or not they are used: a slot that a hard
decline or a scheme's cap closes is skipped, not moved (AC-31, AC-34).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from apps.subscriptions.policies.time import add_days, from_wall_clock

DEFAULT_RETRY_DAYS = (1, 3, 5, 7)


class FinalAction(StrEnum):
    """What becomes of the subscription when the last slot has failed."""

    CANCEL = "cancel"
    MARK_UNPAID = "unpaid"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class DunningTerms:
    """
    One schedule of retries.

    With `local_time` a retry keeps the wall clock of the customer's zone over a change of the
    clocks; `hour_of_day` then moves it to an hour at which cards have money.
    """

    retry_days: tuple[int, ...] = DEFAULT_RETRY_DAYS
    final_action: FinalAction = FinalAction.CANCEL
    local_time: bool = False
    hour_of_day: int | None = None
    grace_days: int = 7


def retry_at(
    terms: DunningTerms, *, first_failed_at: datetime, slot: int, time_zone: str = "UTC"
) -> datetime | None:
    """Return the time of a slot, counted from 0; None when the schedule has no such slot."""
    if slot >= len(terms.retry_days):
        return None
    days = terms.retry_days[slot]
    if not terms.local_time:
        return first_failed_at + timedelta(days=days)
    at = add_days(first_failed_at, days, time_zone)
    if terms.hour_of_day is None:
        return at
    local = at.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None)
    moved = local.replace(hour=terms.hour_of_day, minute=0, second=0, microsecond=0)
    return from_wall_clock(moved, time_zone)


def has_access(
    status: str, *, past_due_since: datetime | None, terms: DunningTerms, now: datetime
) -> bool:
    """Return whether the customer is served: while past due, for the days of grace (AC-36)."""
    if status in {"active", "trialing"}:
        return True
    if status != "past_due" or past_due_since is None:
        return False
    return now < past_due_since + timedelta(days=terms.grace_days)


# --- What the card schemes allow ---------------------------------------------------------------

# Declines after which the issuer will never say yes: repeating them costs a fee per try. They are
# told as reasons; the gateway's own class (terminal, fraud) closes the slot as well.
HARD_DECLINES = frozenset(
    {
        "lost_card",
        "stolen_card",
        "pickup_card",
        "restricted_card",
        "revocation_of_authorization",
        "revocation_of_all_authorizations",
        "stop_payment_order",
        "invalid_account",
        "expired_card",
        "fraudulent",
    }
)
DO_NOT_TRY_AGAIN = "do_not_try_again"
_HARD_CLASSES = frozenset({"terminal", "fraud"})


@dataclass(frozen=True, slots=True)
class _Cap:
    """At most `attempts` with one card within `window`."""

    attempts: int
    window: timedelta


# Visa allowed 15 within 30 days until this day, and 20 since. Source: Visa's rule on reattempts.
_VISA_RAISED_AT = datetime(2025, 5, 25, tzinfo=UTC)
_VISA_BEFORE = (_Cap(15, timedelta(days=30)),)
_VISA = (_Cap(20, timedelta(days=30)),)
# Source: Mastercard's transaction processing excellence programme.
_MASTERCARD = (_Cap(10, timedelta(hours=24)), _Cap(35, timedelta(days=30)))


def is_hard_decline(*, error_class: str, decline_code: str, advice_code: str = "") -> bool:
    """Return whether only another payment method can help (AC-31)."""
    return (
        error_class in _HARD_CLASSES
        or decline_code in HARD_DECLINES
        or advice_code == DO_NOT_TRY_AGAIN
    )


def is_capped(brand: str, attempts: Sequence[datetime], now: datetime) -> bool:
    """Return whether one more try with this card would go over its scheme's cap (AC-34)."""
    return any(
        sum(1 for at in attempts if now - cap.window < at <= now) >= cap.attempts
        for cap in _caps(brand, now)
    )


def _caps(brand: str, now: datetime) -> tuple[_Cap, ...]:
    if brand == "visa":
        return _VISA if now >= _VISA_RAISED_AT else _VISA_BEFORE
    return _MASTERCARD if brand == "mastercard" else ()
