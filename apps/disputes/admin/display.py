"""What colours and countdowns say about disputes."""

from datetime import datetime, timedelta
from math import ceil

from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apps.backoffice.kit.display import NOTHING, Tone, chip, words
from apps.disputes.models import Dispute
from apps.disputes.ratios import WinRate
from apps.disputes.states import ANSWERABLE, DisputeStage, DisputeStatus

S = DisputeStatus
_STATUSES = {
    S.WARNING_NEEDS_RESPONSE: (Tone.WARNING, "Inquiry: answer"),
    S.WARNING_UNDER_REVIEW: (Tone.BUSY, "Inquiry: under review"),
    S.WARNING_CLOSED: (Tone.NEUTRAL, "Inquiry closed"),
    S.NEEDS_RESPONSE: (Tone.WARNING, "Needs response"),
    S.UNDER_REVIEW: (Tone.BUSY, "Under review"),
    S.WON: (Tone.GOOD, "Won"),
    S.LOST: (Tone.BAD, "Lost"),
    S.ACCEPTED: (Tone.NEUTRAL, "Accepted"),
    S.EXPIRED: (Tone.BAD, "Expired"),
    S.PREVENTED: (Tone.NEUTRAL, "Prevented"),
}

# Why a dispute in this status takes no evidence.
_REVIEWED = "No: the bank looks at what was sent."
_DECIDED = "No: the bank has decided."
_SETTLED = "No: it ended without a decision of the bank."
_NO_ANSWER = {
    S.WARNING_UNDER_REVIEW: _REVIEWED,
    S.UNDER_REVIEW: _REVIEWED,
    S.WON: _DECIDED,
    S.LOST: _DECIDED,
    S.ACCEPTED: "No: we have given it up.",
    S.EXPIRED: "No: nobody answered in time.",
    S.WARNING_CLOSED: _SETTLED,
    S.PREVENTED: _SETTLED,
}

COMPELLING_LABEL = "Compelling evidence 3.0"

# What is left until our own deadline turns orange, then red.
SOON = timedelta(days=5)
URGENT = timedelta(hours=48)


def status_chip(status: str) -> SafeString:
    """Return the status in words."""
    tone, text = _STATUSES[DisputeStatus(status)]
    return chip(text, tone)


def stage_chip(stage: str) -> SafeString:
    """Return how far the dispute has gone; a second round stands out."""
    is_second = stage in {DisputeStage.PRE_ARBITRATION, DisputeStage.ARBITRATION}
    return chip(words(stage), Tone.WARNING if is_second else Tone.NEUTRAL)


def due_chip(dispute: Dispute, due_at: datetime | None, *, now: datetime) -> SafeString | str:
    """Return what is left until `due_at`, while somebody waits for our answer."""
    if due_at is None or dispute.status not in ANSWERABLE or dispute.submitted_at is not None:
        return NOTHING
    return left_chip(due_at, now=now)


def answering_in_words(dispute: Dispute, *, now: datetime) -> str:
    """Return whether evidence is still taken, and if not why: that explains missing buttons."""
    if dispute.status not in ANSWERABLE:
        return gettext(_NO_ANSWER[DisputeStatus(dispute.status)])
    if dispute.submitted_at is not None:
        return gettext("No: the evidence was sent, and banks read it once.")
    if dispute.due_at is not None and dispute.due_at <= now:
        return gettext("No: the gateway's deadline has passed.")
    return gettext("Yes")


def left_chip(due_at: datetime, *, now: datetime) -> SafeString:
    """Return what is left until `due_at`."""
    left = due_at - now
    if left <= timedelta(0):
        return chip("Past due", Tone.BAD)
    hours = left / timedelta(hours=1)
    text = f"{ceil(hours)} h left" if left < URGENT else f"{ceil(hours / 24)} days left"
    if left < URGENT:
        return chip(text, Tone.BAD)
    return chip(text, Tone.WARNING if left < SOON else Tone.GOOD)


def rate_in_words(rate: WinRate) -> str:
    """Return the rate with its interval, or that there are too few for one."""
    if rate.percent is None or not rate.is_telling:
        return "Too few for a rate"
    return f"{rate.percent} % (likely {rate.low} to {rate.high} %)"
