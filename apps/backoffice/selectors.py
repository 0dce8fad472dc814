"""Reads of the back-office's own rows."""

from collections.abc import Mapping

from django.conf import settings
from django.utils.module_loading import import_string

from apps.backoffice.models import Approval, User
from apps.backoffice.policies import ApprovalKind
from apps.backoffice.states import ApprovalStatus
from apps.common.errors import ResourceMissing
from apps.common.money import exponent


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


def refund_limit(user: User, currency: str) -> int:
    """
    Return how much this person gives back alone, in minor units of `currency`.

    The table counts major units of money with two decimals. A currency without any counts in
    hundreds instead, since its unit is worth about as much as a cent: 100 is EUR 100 or JPY 10,000.
    """
    limits: Mapping[str, int] = import_string(settings.BACKOFFICE_REFUND_LIMITS)
    roles = user.groups.values_list("name", flat=True)
    major = max((limits.get(role, 0) for role in roles), default=0)
    return int(major * 10 ** max(exponent(currency), 2))


def count_approvals_for(user: User) -> int:
    """Return how many requests of others wait for this person."""
    return (
        Approval.objects.filter(status=ApprovalStatus.PENDING, kind__in=kinds_decided_by(user))
        .exclude(requested_by=user.actor)
        .count()
    )
