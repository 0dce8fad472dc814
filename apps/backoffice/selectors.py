"""Reads of the back-office's own rows."""

from collections.abc import Mapping

from django.conf import settings
from django.utils.module_loading import import_string

from apps.backoffice.models import Approval, User
from apps.backoffice.policies import ApprovalKind, RefundLimits
from apps.backoffice.states import ApprovalStatus
from apps.common.errors import ResourceMissing


def approval_kinds() -> Mapping[str, ApprovalKind]:
    """Return everything that needs a second person (config/approvals.py)."""
    kinds: Mapping[str, ApprovalKind] = import_string(settings.APPROVAL_KINDS)
    return kinds


def get_kind(kind: str) -> ApprovalKind:
    """
    Return one kind.

    :raises ResourceMissing: config/approvals.py does not list it
    """
    known = approval_kinds().get(kind)
    if known is None:
        raise ResourceMissing(resource="approval kind", id=kind)
    return known


def kinds_decided_by(user: User) -> list[str]:
    """Return the kinds which this person may decide about."""
    return [name for name, kind in approval_kinds().items() if user.has_perm(kind.permission)]


def refund_limits(user: User) -> RefundLimits:
    """Return how much this person gives back alone; of several roles the most generous counts."""
    listed: Mapping[str, RefundLimits] = import_string(settings.BACKOFFICE_REFUND_LIMITS)
    named = [listed[role] for role in _roles_of(user) if role in listed]
    return RefundLimits(
        each=max((limits.each for limits in named), default=0),
        daily=max((limits.daily for limits in named), default=0),
    )


def _roles_of(user: User) -> list[str]:
    return list(user.groups.values_list("name", flat=True))


def count_approvals_for(user: User) -> int:
    """Return how many requests of others wait for this person."""
    return (
        Approval.objects.filter(status=ApprovalStatus.PENDING, kind__in=kinds_decided_by(user))
        .exclude(requested_by=user.actor)
        .count()
    )
