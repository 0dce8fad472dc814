"""Reads of the back-office's own rows."""

from collections.abc import Iterable, Mapping

from django.conf import settings
from django.contrib.auth.models import Permission
from django.db.models import Q, QuerySet
from django.utils.module_loading import import_string

from apps.backoffice.models import Approval, SavedView, User
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
    named = [listed[role] for role in roles_of(user) if role in listed]
    return RefundLimits(
        each=max((limits.each for limits in named), default=0),
        daily=max((limits.daily for limits in named), default=0),
    )


def roles_of(user: User) -> list[str]:
    """Return the names of the roles that this person has."""
    return list(user.groups.values_list("name", flat=True))


def people_with(permission: str) -> QuerySet[User]:
    """Return who may log in and holds the right, by a role or otherwise."""
    app, codename = permission.split(".")
    granted = Permission.objects.filter(content_type__app_label=app, codename=codename)
    holds = (
        Q(groups__permissions__in=granted) | Q(user_permissions__in=granted) | Q(is_superuser=True)
    )
    return User.objects.filter(holds, is_active=True).distinct().order_by("email")


def views_of(user: User, screen: str) -> list[SavedView]:
    """Return the views of a list: one's own, and those shared with one's roles."""
    return [view for view in user.saved_views if view.screen == screen]


def find_view(*, user: User, screen: str, query: str) -> SavedView | None:
    """Return the person's own view with this filter."""
    own = (view for view in views_of(user, screen) if view.owner_id == user.pk)
    return next((view for view in own if view.query == query), None)


def default_queries(user: User) -> dict[str, str]:
    """Return with which filter each list opens for this person: screen -> query."""
    own = (view for view in user.saved_views if view.owner_id == user.pk)
    return {view.screen: view.query for view in own if view.is_default}


def find_approvals(subject_ids: Iterable[str]) -> dict[str, Approval]:
    """Return the latest request about each of these subjects, of those that there are."""
    requests = Approval.objects.filter(subject_id__in=list(subject_ids)).order_by("id")
    return {request.subject_id: request for request in requests}


def waits_for(user: User) -> Q:
    """Return the condition of requests of others that this person may decide about."""
    kinds = kinds_decided_by(user)
    return Q(status=ApprovalStatus.PENDING, kind__in=kinds) & ~Q(requested_by=user.actor)


def count_approvals_for(user: User) -> int:
    """Return how many requests of others wait for this person."""
    return Approval.objects.filter(waits_for(user)).count()
