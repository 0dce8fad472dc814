"""Decisions about sellers' money that need no database; time is passed in."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from apps.common.money import to_major
from apps.ledger.policies import allocate
from apps.payouts.states import PayoutInterval

# Rates of reserve are kept in hundredths of a per cent.
BASIS_POINTS = 10_000

# A share of a payment waits this long, as gateways settle two days later.
DEFAULT_DELAY_DAYS = 2
DEFAULT_RESERVE_DAYS = 90

# Banks take the night to prepare; automatic payouts leave before their cut-off.
PAYOUT_HOUR_UTC = 6
DAYS_IN_WEEK = 7

# How long the process that sends a payout is left alone before a sweeper takes over.
LEASE = timedelta(seconds=10)

# After this a gateway may have forgotten our key; a lost payout is then looked up, never sent
# again. Source: Stripe keeps keys for at least 24 h.
KEY_LIFETIME = timedelta(hours=20)

# Dense at first, since most faults heal in seconds; later a bank takes days to confirm.
_CHECK_AFTER = [
    *(timedelta(seconds=s) for s in (2, 5, 15, 60)),
    timedelta(minutes=10),
    *(timedelta(hours=1) for _ in range(4)),
    *(timedelta(hours=6) for _ in range(40)),
]

# Stripe pays these out in whole units only (AC-42).
_PAYOUT_STEPS = {"HUF": 100, "TWD": 100, "ISK": 100, "UGX": 100}


def next_check(now: datetime, *, checks: int) -> datetime | None:
    """Return when to ask the gateway about a payout again; None when a person has to look."""
    return now + _CHECK_AFTER[checks] if checks < len(_CHECK_AFTER) else None


def payout_step(currency: str) -> int:
    """Return the minor units of which a payout must be a multiple."""
    return _PAYOUT_STEPS.get(currency.upper(), 1)


def needs_second_person(amount: int, currency: str, *, limit: Decimal) -> bool:
    """Return whether a payout is above `limit` major units, so that a second person must agree."""
    return to_major(amount, currency) > limit


def part_of(amount: int, *, basis_points: int) -> int:
    """Return a part of `amount`, such as a fee; the last unit is the larger remainder's (AC-47)."""
    return allocate(amount, [basis_points, BASIS_POINTS - basis_points])[0]


def next_run(interval: str, weekday: int, *, after: datetime) -> datetime | None:
    """
    Return the next moment after `after` at which a schedule pays out; None for manual ones.

    `weekday` counts from Monday, which is 0.
    """
    if interval == PayoutInterval.MANUAL:
        return None
    at = after.astimezone(UTC).replace(hour=PAYOUT_HOUR_UTC, minute=0, second=0, microsecond=0)
    if interval == PayoutInterval.WEEKLY:
        at += timedelta(days=(weekday - at.weekday()) % DAYS_IN_WEEK)
    if at <= after:
        at += timedelta(days=1 if interval == PayoutInterval.DAILY else DAYS_IN_WEEK)
    return at


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """How one amount of a payment divides: the seller's share, the platform's fee, the rest."""

    share: int
    fee: int
    rest: int = 0


def split_payment(captured: int, *, fee: int) -> Split:
    """Return how captured money divides between the seller and the platform's fee."""
    kept = min(fee, captured)
    return Split(share=captured - kept, fee=kept)


def split_refund(amount: int, *, left: Split) -> Split:
    """
    Return who gives back how much of a refund, by largest remainder (AC-47, AC-49d).

    `left` is what each still has of the payment. However many parts a refund comes in, nobody
    gives back more than they have, and the last unit returned is the last unit held.
    """
    share, fee, rest = allocate(amount, [left.share, left.fee, left.rest])
    return Split(share=share, fee=fee, rest=rest)
