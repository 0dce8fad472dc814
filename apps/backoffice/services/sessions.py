"""Sessions of staff: they end by a click, by silence, and after a working day."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from apps.backoffice.models import StaffSession, User
from apps.backoffice.policies import SEEN_STEP, is_session_over
from apps.backoffice.services.second_factor import check_second_factor


def open_session(*, user: User, ip: str, browser: str, now: datetime) -> StaffSession:
    """Keep that this person gave both factors in this browser."""
    return StaffSession.objects.create(
        user=user,
        ip=ip or None,
        browser=browser[:200],
        started_at=now,
        seen_at=now,
        factor_at=now,
    )


def keep_session(*, session_id: str, user: User, now: datetime) -> StaffSession | None:
    """
    Return the session of a click, or None when it is over; who is over has to log in again.

    The click is kept when the last one kept is a minute old: looking must not cost a write.
    """
    session = StaffSession.objects.filter(pk=session_id, user=user, ended_at=None).first()
    if session is None:
        return None
    if is_session_over(started_at=session.started_at, seen_at=session.seen_at, now=now):
        _end(StaffSession.objects.filter(pk=session.pk), by="", now=now)
        return None
    if now - session.seen_at >= SEEN_STEP:
        session.seen_at = now
        session.save(update_fields=["seen_at"])
    return session


def end_session(*, session: StaffSession, by: User, now: datetime) -> None:
    """End one session; its browser is logged out with the next click."""
    _end(StaffSession.objects.filter(pk=session.pk), by=by.actor, now=now)


def end_other_sessions(*, session_id: str, by: User, now: datetime) -> int:
    """End all of one's own sessions but this one; return how many there were."""
    others = StaffSession.objects.filter(user=by).exclude(pk=session_id)
    return _end(others, by=by.actor, now=now)


def end_sessions(*, user: User, by: User, now: datetime) -> int:
    """End all sessions of a person, who may log in again; return how many there were."""
    return _end(StaffSession.objects.filter(user=user), by=by.actor, now=now)


def refresh_factor(*, session: StaffSession, user: User, code: str, now: datetime) -> bool:
    """
    Take a code of the second factor once more; return whether the factor is fresh now.

    A double click sends one code twice. The second sending waits for the device's lock, is refused
    the used code, and finds that the first one made the factor fresh.
    """
    with transaction.atomic():
        if check_second_factor(user=user, code=code) is not None:
            StaffSession.objects.filter(pk=session.pk).update(factor_at=now)
            return True
    return StaffSession.objects.filter(pk=session.pk, factor_at__gt=session.factor_at).exists()


def _end(sessions: QuerySet[StaffSession], *, by: str, now: datetime) -> int:
    return sessions.filter(ended_at=None).update(ended_at=now, ended_by=by)
