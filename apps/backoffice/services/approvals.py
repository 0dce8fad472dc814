"""Four eyes: one person asks, another one decides, and the decision takes effect at once."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.module_loading import import_string

from apps.backoffice.errors import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalWaiting,
    ApproverNotAllowed,
    NoteRequired,
    OwnRequest,
)
from apps.backoffice.models import Approval, User
from apps.backoffice.policies import APPROVAL_LIFETIME
from apps.backoffice.selectors import get_kind
from apps.backoffice.states import ApprovalStatus
from apps.common.errors import DomainError, ResourceMissing
from apps.common.origin import CLOCK, Origin, Scope

logger = logging.getLogger(__name__)

# Requests that one sweep ends; the next sweep takes the rest.
EXPIRY_BATCH: Final = 50


def request_approval(
    *,
    scope: Scope,
    kind: str,
    subject_id: str,
    payload: Mapping[str, Any] | None = None,
    amount: int | None = None,
    currency: str = "",
    reason: str = "",
    origin: Origin,
    now: datetime,
) -> Approval:
    """
    Ask for a second person's yes, in the caller's transaction if there is one.

    `amount` is minor units of `currency`; both are for people to read. The kind's executor runs
    when somebody says yes; it gets the approval with `payload`, which nobody can change meanwhile.

    :raises ResourceMissing: no such kind in config/approvals.py
    :raises ApprovalWaiting: the same kind of request about this subject is still open
    """
    get_kind(kind)
    with transaction.atomic():
        approval, is_new = Approval.objects.get_or_create(
            kind=kind,
            subject_id=subject_id,
            status=ApprovalStatus.PENDING,
            defaults={
                "merchant_id": scope.merchant_id,
                "livemode": scope.livemode,
                "payload": dict(payload or {}),
                "amount": amount,
                "currency": currency,
                "reason": reason[:500],
                "requested_by": origin.actor,
                "requested_at": now,
                "expires_at": now + APPROVAL_LIFETIME,
            },
        )
    if not is_new:
        raise ApprovalWaiting(subject=subject_id, approval=approval.id)
    return approval


def approve(
    *, approval_id: str, user: User, note: str = "", origin: Origin, now: datetime
) -> Approval:
    """
    Say yes, and let it happen in the same transaction.

    :raises ResourceMissing: no such approval
    :raises ApprovalDecided: somebody decided before
    :raises ApprovalExpired: nobody decided in time
    :raises OwnRequest: this person asked for it; superusers are no exception
    :raises ApproverNotAllowed: the person lacks the kind's permission
    :raises DomainError: what the kind's executor refuses; the request then still waits
    """
    with transaction.atomic():
        approval = _lock_to_decide(approval_id, user, now=now)
        approval.approve(by=user.actor, note=note[:500], now=now)
        approval.save(update_fields=["status", "decided_by", "decided_at", "note"])
        _run(get_kind(approval.kind).approve, approval, origin=origin, now=now)
    return approval


def reject(*, approval_id: str, user: User, note: str, origin: Origin, now: datetime) -> Approval:
    """
    Say no; `note` tells the one who asked why.

    :raises NoteRequired: the note is empty
    :raises ResourceMissing: no such approval
    :raises ApprovalDecided: somebody decided before
    :raises ApprovalExpired: nobody decided in time
    :raises OwnRequest: this person asked for it
    :raises ApproverNotAllowed: the person lacks the kind's permission
    """
    if not note.strip():
        raise NoteRequired(param="note")
    with transaction.atomic():
        approval = _lock_to_decide(approval_id, user, now=now)
        approval.reject(by=user.actor, note=note[:500], now=now)
        approval.save(update_fields=["status", "decided_by", "decided_at", "note"])
        _run(get_kind(approval.kind).reject, approval, origin=origin, now=now)
    return approval


def expire_approvals(*, now: datetime) -> int:
    """
    End the requests that nobody decided in time; return how many were looked at.

    What a request held back, such as the reserved money of a refund, is released as by a no.
    """
    due = Approval.objects.filter(status=ApprovalStatus.PENDING, expires_at__lte=now)
    ids = list(due.order_by("expires_at").values_list("id", flat=True)[:EXPIRY_BATCH])
    for approval_id in ids:
        try:
            _expire(approval_id, now=now)
        except DomainError as refusal:
            logger.warning("%s does not expire: %s", approval_id, refusal)
    return len(ids)


def _expire(approval_id: str, *, now: datetime) -> None:
    with transaction.atomic():
        waiting = Approval.objects.select_for_update(skip_locked=True)
        approval = waiting.filter(pk=approval_id, status=ApprovalStatus.PENDING).first()
        if approval is None:
            return
        approval.expire(now=now)
        approval.save(update_fields=["status", "decided_at"])
        _run(get_kind(approval.kind).reject, approval, origin=CLOCK, now=now)


def _lock_to_decide(approval_id: str, user: User, *, now: datetime) -> Approval:
    try:
        approval = Approval.objects.lock(approval_id)
    except Approval.DoesNotExist as error:
        raise ResourceMissing(resource="approval", id=approval_id[:60]) from error
    if approval.status != ApprovalStatus.PENDING:
        raise ApprovalDecided(approval=approval.id, status=approval.status)
    if now >= approval.expires_at:
        raise ApprovalExpired(approval=approval.id, expired_at=approval.expires_at.isoformat())
    if approval.requested_by == user.actor:
        raise OwnRequest(actor=user.actor)
    permission = get_kind(approval.kind).permission
    if not user.has_perm(permission):
        raise ApproverNotAllowed(actor=user.actor, kind=approval.kind, permission=permission)
    return approval


def _run(path: str, approval: Approval, *, origin: Origin, now: datetime) -> None:
    if path:
        import_string(path)(approval, origin=origin, now=now)
