"""Decisions about disputes that need no database; time is passed in."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.disputes.states import ANSWERABLE, GIVEN_UP, OPEN, DisputeStage, DisputeStatus
from apps.gateways.base import DisputeResult, DisputeState
from apps.gateways.base import DisputeStage as GatewayStage

S = DisputeStatus

# People answer a day before the gateway stops listening, unless a merchant says otherwise: uploads
# fail, and people fall ill.
BUFFER_HOURS = 24
# With more, a chargeback that is due in a week would be late when it comes in.
BUFFER_HOURS_MAX = 120
REMIND_DAYS = (7, 3, 1)

# Open disputes are read again now and then, in case a webhook was lost.
POLL_EVERY = timedelta(hours=6)
# A bank may come back to a dispute that we have won, for about as long as schemes allow it to; no
# list of new disputes names such an old one.
POLL_WON_EVERY = timedelta(days=1)
COMES_BACK_WITHIN = timedelta(days=120)
# A gateway that does not answer is asked again after this.
POLL_AGAIN = timedelta(minutes=10)
# After its deadline a dispute is read at the gateway, which may have taken something at the last
# second, before it counts as expired.
EXPIRY_GRACE = timedelta(minutes=5)

_STAGES = [
    GatewayStage.INQUIRY,
    GatewayStage.CHARGEBACK,
    GatewayStage.PRE_ARBITRATION,
    GatewayStage.ARBITRATION,
]
_DECIDED = {DisputeState.WON, DisputeState.LOST, DisputeState.CLOSED, DisputeState.PREVENTED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What we know of a dispute before the gateway tells about it again."""

    status: DisputeStatus
    stage: DisputeStage
    submissions: int
    due_at: datetime | None
    movements: Collection[str] = ()


def stage_after(known: DisputeStage, heard: DisputeResult) -> DisputeStage:
    """Return the stage now; a gateway that decided may not tell which round it decided."""
    told = DisputeStage(heard.stage.value)
    if heard.state in _DECIDED and _rank(told) < _rank(known):
        return known
    return told


def is_stale(known: Standing, heard: DisputeResult) -> bool:
    """
    Return whether the gateway's answer is older than what we know (AC-73).

    Two answers may overtake each other between the gateway and our lock. Money, stages and, within
    a stage, answering and deciding only ever go forward.
    """
    told = {movement.reference for movement in heard.movements}
    if set(known.movements) - told:
        return True
    if told - set(known.movements):
        return False
    stage = stage_after(known.stage, heard)
    before = (_rank(known.stage), _phase_of_status(known.status))
    after = (_rank(stage), _phase_of_state(heard.state))
    if after == before and known.status == S.WON:
        return heard.state == DisputeState.LOST
    return after < before


def status_after(known: Standing, heard: DisputeResult, *, now: datetime) -> DisputeStatus:
    """Return our status for what the gateway says."""
    if stage_after(known.stage, heard) == DisputeStage.INQUIRY:
        return _INQUIRY_STATUSES[heard.state]
    status = _STATUSES[heard.state]
    if status == S.LOST and known.status in GIVEN_UP:
        # The gateway has one word for all of these; ours says how it was lost (AC-88).
        return known.status
    is_unanswered = not heard.submissions and not known.submissions
    is_late = known.due_at is not None and known.due_at <= now
    if status == S.LOST and known.status in ANSWERABLE and is_unanswered and is_late:
        return S.EXPIRED
    return status


_STATUSES = {
    DisputeState.NEEDS_RESPONSE: S.NEEDS_RESPONSE,
    DisputeState.UNDER_REVIEW: S.UNDER_REVIEW,
    DisputeState.WON: S.WON,
    DisputeState.LOST: S.LOST,
    DisputeState.CLOSED: S.WARNING_CLOSED,
    DisputeState.PREVENTED: S.PREVENTED,
}
_INQUIRY_STATUSES = {
    **_STATUSES,
    DisputeState.NEEDS_RESPONSE: S.WARNING_NEEDS_RESPONSE,
    DisputeState.UNDER_REVIEW: S.WARNING_UNDER_REVIEW,
    DisputeState.WON: S.WARNING_CLOSED,
}


def reminder_due(
    due_at: datetime | None, *, last_reminder: int | None, now: datetime
) -> int | None:
    """Return how many days before the deadline to remind of now, None when there is nothing."""
    if due_at is None or due_at <= now:
        return None
    near = [days for days in REMIND_DAYS if due_at - now <= timedelta(days=days)]
    if not near:
        return None
    days = min(near)
    return days if last_reminder is None or days < last_reminder else None


def next_step(
    due_at: datetime | None, *, last_reminder: int | None, expires: bool, now: datetime
) -> datetime | None:
    """Return when an unanswered dispute is to be reminded of, or expires; None when never more."""
    if due_at is None:
        return None
    if due_at <= now:
        return due_at + EXPIRY_GRACE if expires else None
    moments = [
        due_at - timedelta(days=days)
        for days in REMIND_DAYS
        if last_reminder is None or days < last_reminder
    ]
    if expires:
        moments.append(due_at + EXPIRY_GRACE)
    return min(moments, default=None)


def next_check(now: datetime, *, due_at: datetime | None) -> datetime:
    """Return when to read an open dispute again: soon, and when a reminder or its end is due."""
    moments = [now + POLL_EVERY]
    if due_at is not None:
        moments += [due_at - timedelta(days=days) for days in REMIND_DAYS]
        moments.append(due_at + EXPIRY_GRACE)
    return min(moment for moment in moments if moment > now)


def next_look_at_won(now: datetime, *, opened_at: datetime) -> datetime | None:
    """Return when to read a won dispute again, None when the bank will not come back any more."""
    at = now + POLL_WON_EVERY
    return at if at <= opened_at + COMES_BACK_WITHIN else None


def is_expired(due_at: datetime | None, *, now: datetime) -> bool:
    """Return whether nobody can answer any more, not even at the last second."""
    return due_at is not None and due_at + EXPIRY_GRACE <= now


def answer_by(due_at: datetime | None, *, buffer: timedelta) -> datetime | None:
    """Return our own deadline, before the gateway's."""
    return None if due_at is None else due_at - buffer


def booked_part(amount: int, *, captured: int) -> int:
    """
    Return what of a withdrawn amount was booked with the payment (AC-85).

    What is above came from the exchange rate of the dispute's day.
    """
    return min(amount, captured)


def is_below(limits: Mapping[str, int], *, amount: int, currency: str) -> bool:
    """Return whether an amount lies below the limit of its currency, if there is one."""
    return amount < limits.get(currency, 0)


def _rank(stage: DisputeStage) -> int:
    return [each.value for each in _STAGES].index(stage.value)


def _phase_of_status(status: DisputeStatus) -> int:
    if status in ANSWERABLE:
        return 0
    return 1 if status in OPEN else 2


def _phase_of_state(state: DisputeState) -> int:
    if state in _DECIDED:
        return 2
    return 1 if state == DisputeState.UNDER_REVIEW else 0
