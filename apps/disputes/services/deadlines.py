"""Deadlines: reminders before them, the end past them, in real time and on test clocks."""

import logging
from collections.abc import Iterator
from datetime import datetime

from django.db import transaction

from apps.common.origin import CLOCK
from apps.disputes.models import Dispute
from apps.disputes.policies import is_expired, next_step, reminder_due
from apps.disputes.selectors import now_for, time_on
from apps.disputes.services.endings import expire_dispute
from apps.disputes.services.events import Moment
from apps.disputes.states import ANSWERABLE, DisputeStatus

logger = logging.getLogger(__name__)

# More open disputes on one test clock are no test any more.
ON_CLOCK_MAX = 500


def pass_deadlines(*, dispute_id: str, now: datetime) -> None:
    """Let a dispute expire that nobody answered in time, or remind of it."""
    dispute = Dispute.objects.get(pk=dispute_id)
    is_late = is_expired(dispute.due_at, now=now_for(dispute, now))
    if dispute.status == DisputeStatus.NEEDS_RESPONSE and is_late:
        expire_dispute(dispute_id=dispute_id, now=now)
    else:
        remind(dispute_id=dispute_id, now=now)


def remind(*, dispute_id: str, now: datetime) -> bool:
    """Tell that the deadline of an unanswered dispute is near: 7, 3 and 1 days before (AC-87)."""
    with transaction.atomic():
        dispute = Dispute.objects.lock(dispute_id)
        at = now_for(dispute, now)
        days = reminder_due(dispute.due_at, last_reminder=dispute.last_reminder, now=at)
        is_answered = dispute.submitted_at is not None or dispute.status not in ANSWERABLE
        if days is None or is_answered:
            return False
        Moment(origin=CLOCK, now=now).happen(dispute, "charge.dispute.deadline_near", days=days)
        dispute.save()
    logger.warning("%s has to be answered within %s days", dispute_id, days)
    return True


def next_on_clock(test_clock_id: str, wall: datetime) -> datetime | None:
    """Return when, on the clock, the next dispute of its customers is reminded of or expires."""
    return min((at for at, _ in _steps(test_clock_id, wall)), default=None)


def pass_on_clock(test_clock_id: str, wall: datetime) -> None:
    """Do for the disputes of the clock's customers what is due by now on it."""
    at = time_on(test_clock_id, wall)
    for due, dispute_id in list(_steps(test_clock_id, wall)):
        if due <= at:
            pass_deadlines(dispute_id=dispute_id, now=wall)


def _steps(test_clock_id: str, wall: datetime) -> Iterator[tuple[datetime, str]]:
    """Yield the next step of each unanswered dispute, in the clock's time."""
    waiting = Dispute.objects.filter(
        test_clock_id=test_clock_id,
        status__in=sorted(ANSWERABLE),
        submitted_at__isnull=True,
    )
    for dispute in waiting.order_by("pk")[:ON_CLOCK_MAX]:
        step = next_step(
            dispute.due_at,
            last_reminder=dispute.last_reminder,
            expires=dispute.status == DisputeStatus.NEEDS_RESPONSE,
            now=now_for(dispute, wall),
        )
        if step is not None:
            yield step + dispute.clock_lead, dispute.id
