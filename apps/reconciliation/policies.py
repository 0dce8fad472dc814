"""Decisions of reconciliation, without I/O."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from apps.common.money import to_major
from apps.reconciliation.states import DiscrepancyKind, LineKind

K = DiscrepancyKind

# A fact booked on one day and reported on the next is usual: a webhook came around midnight. Only
# a larger gap, or one across the end of a month, changes figures that somebody closes.
CUTOFF_TOLERANCE_DAYS: Final = 1
# How far back a run looks for facts that have become due since earlier runs; more than the longest
# gap between two runs.
LOOKBACK_DAYS: Final = 14
# Statements and runs are of these years: others are slips of the pen, and far beyond them neither
# Python nor the database can put a day into another time zone.
YEARS: Final = range(2000, 2200)
# A bank shows a payout within this many days.
BANK_DAYS: Final = 5

# Which entry of the ledger a line of each kind stands for.
FACT_KINDS: Final = {
    LineKind.CHARGE: "captured",
    LineKind.CAPTURE_RELEASE: "captured",
    LineKind.REFUND: "refunded",
    LineKind.REFUND_FAILURE: "refund_reversed",
    LineKind.DISPUTE: "dispute_withdrawn",
    LineKind.DISPUTE_REVERSAL: "dispute_reinstated",
    LineKind.PAYOUT: "payout_paid",
    LineKind.PAYOUT_FAILURE: "payout_returned",
}
# Entries that every gateway reports; corrections and settlements of our own are none of those.
REPORTED_KINDS: Final = (*sorted(set(FACT_KINDS.values())), "captured_in_conflict")


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The days, both included, whose facts must be in the reports by now."""

    first: date
    last: date


def due_window(day: date, *, due_days: int) -> Window:
    """Return the days whose facts a run for `day` misses when they are not reported yet."""
    last = day - timedelta(days=due_days)
    return Window(first=last - timedelta(days=LOOKBACK_DAYS), last=last)


def start_of(day: date, zone: str) -> datetime:
    """Return the moment when a day begins in a time zone (AC-66)."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))


def day_before(moment: datetime, zone: str) -> date:
    """Return the last whole day before a moment in a time zone."""
    return moment.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)


def explain(
    kind: str, *, ledger: int | None, statement: int | None, currency: str, reference: str
) -> str:
    """Say in one sentence what does not agree; amounts are net minor units."""
    ours = "nothing" if ledger is None else f"{to_major(ledger, currency)} {currency}"
    theirs = "nothing" if statement is None else f"{to_major(statement, currency)} {currency}"
    about = reference or "it"
    sentences = {
        K.MISSING_IN_LEDGER: f"The gateway reports {theirs} for {about}; the books have nothing.",
        K.MISSING_IN_REPORT: f"The books have {ours} for {about}; no report has it, and it is due.",
        K.SPLIT_MISMATCH: f"The lines of {about} add up to {theirs}; booked is {ours}.",
        K.CURRENCY_MISMATCH: f"{about} is reported in another currency than {currency}.",
        K.STATUS_MISMATCH: f"The gateway moved {theirs} for {about}; for us nothing moved.",
        K.FEE_MISMATCH: f"The gateway kept another fee of {about}: net {theirs}, booked {ours}.",
        K.DATE_CUTOFF: f"{about} is reported for another day than it is booked on.",
        K.DUPLICATE_LINE: f"{about} was reported before, with {theirs} this time.",
        K.PAYOUT_MISMATCH: f"Payout {about} is {theirs}; its lines add up to {ours}.",
        K.PAYOUT_FAILED: f"Payout {about} of {theirs} came back.",
        K.BANK_MISMATCH: f"The bank received {theirs} for payout {about} of {ours}.",
        K.BANK_MISSING: f"Payout {about} of {ours} has not reached the bank.",
        K.BANK_UNEXPLAINED: f"The bank received {theirs} as {about}; no payout is behind it.",
    }
    default = f"The gateway reports {theirs} for {about}; booked is {ours}."
    return sentences.get(DiscrepancyKind(kind), default)[:500]


# What usually helps, for the person who has to decide: the action, and why.
_ADVICE: Final = {
    K.MISSING_IN_LEDGER: ("correct", "Park the money in suspense until its payment is found."),
    K.MISSING_IN_REPORT: ("ignore", "Wait: it closes by itself when a later report has it."),
    K.AMOUNT_OVER: ("correct", "Book what the gateway moved; suspense keeps the difference."),
    K.AMOUNT_UNDER: ("correct", "Book what the gateway moved; suspense keeps the difference."),
    K.SPLIT_MISMATCH: ("correct", "Book what the parts add up to; the rest stays in suspense."),
    K.CURRENCY_MISMATCH: ("correct", "Book it in the gateway's currency; suspense keeps both."),
    K.STATUS_MISMATCH: ("match", "The gateway is asked again; what it says is booked then."),
    K.FEE_MISMATCH: ("correct", "Book the fee as the gateway kept it."),
    K.DATE_CUTOFF: ("match", "The amounts agree; only the day differs."),
    K.DUPLICATE_LINE: ("ignore", "The first line counts; the second one moved nothing."),
    K.PAYOUT_MISMATCH: ("correct", "Upload what is missing, or book the payout as announced."),
    K.PAYOUT_FAILED: ("match", "The money is back at the gateway, and so it is booked."),
    K.BANK_MISMATCH: ("correct", "Book what arrived; suspense keeps what the bank may have kept."),
    K.BANK_MISSING: ("ignore", "Wait for the bank's next statement, then ask the gateway."),
    K.BANK_UNEXPLAINED: ("correct", "Park the money in suspense until its sender is known."),
}


@dataclass(frozen=True, slots=True)
class Advice:
    """What a person would usually do about an exception."""

    action: str
    reason: str


def advise(kind: str) -> Advice:
    """Return what usually helps with an exception of this kind."""
    return Advice(*_ADVICE[DiscrepancyKind(kind)])


def needs_second_person(at_stake: int, currency: str, *, limit: Decimal) -> bool:
    """Return whether a correction of this size waits for another person's yes."""
    return to_major(at_stake, currency) > limit
