"""What the clock has to do with a subscription next, and when: one question, one answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# Who does not pay the first invoice within this has not subscribed (AC-38). Source: Stripe.
INCOMPLETE_LIFETIME = timedelta(hours=23)
# Stripe reminds three days before a trial ends; a shorter trial is reminded when it begins.
TRIAL_NOTICE = timedelta(days=3)
# How long before it is made an invoice is told of. Source: Stripe.
UPCOMING_NOTICE = timedelta(days=7)
# More periods of one subscription than this within a day of real time are a fault, not a plan: it
# is parked and a person looks at it (AC-39).
MAX_RUNS_PER_DAY = 40


class Duty(StrEnum):
    """What falls due."""

    EXPIRE = "expire"
    CANCEL = "cancel"
    REMIND = "remind"
    END_TRIAL = "end_trial"
    RESUME_COLLECTION = "resume_collection"
    RENEW = "renew"


@dataclass(frozen=True, slots=True)
class Calendar:
    """The dates of a subscription that the clock looks at."""

    status: str
    created_at: datetime
    period_end: datetime
    trial_end: datetime | None = None
    trial_reminded: bool = False
    cancel_at: datetime | None = None
    cancel_at_period_end: bool = False
    pause_resumes_at: datetime | None = None


def next_duty(calendar: Calendar) -> tuple[Duty, datetime] | None:
    """
    Return what is due next and when; None when only a person can move it.

    Of two duties at one time the first of `Duty` wins: who cancels for the end of the period is
    not renewed at it.
    """
    candidates = [(at, duty) for duty, at in _duties(calendar)]
    if not candidates:
        return None
    order = list(Duty)
    at, duty = min(candidates, key=lambda entry: (entry[0], order.index(entry[1])))
    return duty, at


def _duties(calendar: Calendar) -> list[tuple[Duty, datetime]]:
    if calendar.status == "incomplete":
        return [(Duty.EXPIRE, calendar.created_at + INCOMPLETE_LIFETIME)]
    duties = []
    if calendar.cancel_at is not None:
        duties.append((Duty.CANCEL, calendar.cancel_at))
    if calendar.pause_resumes_at is not None:
        duties.append((Duty.RESUME_COLLECTION, calendar.pause_resumes_at))
    if calendar.status == "trialing" and calendar.trial_end is not None:
        if not calendar.trial_reminded:
            duties.append((Duty.REMIND, calendar.trial_end - TRIAL_NOTICE))
        ending = Duty.CANCEL if calendar.cancel_at_period_end else Duty.END_TRIAL
        duties.append((ending, calendar.trial_end))
    elif calendar.status in {"active", "past_due", "unpaid"}:
        ending = Duty.CANCEL if calendar.cancel_at_period_end else Duty.RENEW
        duties.append((ending, calendar.period_end))
    return duties
