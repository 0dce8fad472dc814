"""Decisions of the back-office that need no database; time is passed in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from apps.common.money import exponent

# Long enough for a weekend, short enough that nobody decides about a situation long gone.
APPROVAL_LIFETIME: Final = timedelta(hours=72)

# A desk that nobody sits at must not stay open, and nobody works longer than this without a break.
SESSION_IDLE: Final = timedelta(minutes=15)
SESSION_LIFETIME: Final = timedelta(hours=12)
# How exactly the last click is kept: each step is one write.
SEEN_STEP: Final = timedelta(minutes=1)
# What moves money wants to know that the person, not only their browser, is still there.
FACTOR_FRESH: Final = timedelta(minutes=5)

# Allowances count in thousandths, the smallest part that any currency has.
UNITS_PER_MAJOR: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundLimits:
    """
    How much a person gives back alone, in major units; above it a second person decides.

    `each` is for one payment, however often it is split; `daily` for all of them on one day, UTC.
    """

    each: int = 0
    daily: int = 0


def is_session_over(*, started_at: datetime, seen_at: datetime, now: datetime) -> bool:
    """Return whether nobody has clicked for a while, or the working day is over."""
    return now - seen_at >= SESSION_IDLE or now - started_at >= SESSION_LIFETIME


def is_factor_fresh(factor_at: datetime, *, now: datetime) -> bool:
    """Return whether the second factor was given recently enough for what moves money."""
    return now - factor_at < FACTOR_FRESH


def limit_in_minor_units(major: int, currency: str) -> int:
    """
    Return a limit in minor units of `currency`.

    Limits count major units of money with two decimals. A currency without any counts in hundreds
    instead, since its unit is worth about as much as a cent: 100 is EUR 100 or JPY 10,000.
    """
    return int(major * 10 ** max(exponent(currency), 2))


def allowance_units(amount: int, currency: str) -> int:
    """Return `amount` minor units as thousandths of what limits count, exactly."""
    return int(amount * UNITS_PER_MAJOR // 10 ** max(exponent(currency), 2))


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalKind:
    """
    Something that needs a second person; config/approvals.py lists all of them.

    `approve` and `reject` are paths of `(approval: Approval, *, origin: Origin, now: datetime)`.
    They run in the transaction that stores the decision, so a decision and its effect are one;
    what needs the network is therefore queued, not called. `reject` also runs when nobody decided
    in time; without one nothing happens then. A refusal (DomainError) leaves the request waiting.
    `permission` is what the second person needs, as `<app>.<codename>`.
    """

    label: str
    permission: str
    approve: str
    reject: str = ""
