"""Saved views: kept by name, shared with a role of one's own, removed by who saved them."""

from datetime import datetime
from typing import Final

from django.db import transaction

from apps.backoffice.errors import RoleNotYours, TooManyViews, ViewNotYours
from apps.backoffice.models import SavedView, User
from apps.backoffice.selectors import roles_of

# Each list reads all of them: far more than fit above a list.
VIEWS_MAX: Final = 50


def save_view(
    *,
    user: User,
    screen: str,
    name: str,
    query: str,
    role: str = "",
    is_default: bool = False,
    now: datetime,
) -> SavedView:
    """
    Keep a list's filter under a name; the same name again replaces it.

    With a `role` everybody who has it finds the view as well. One that `is_default` takes the place
    of the person's default before it.

    :raises RoleNotYours: one shares only with roles that one has
    :raises TooManyViews: the person has saved plenty for this list
    """
    if role and role not in roles_of(user):
        raise RoleNotYours(role=role)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        others = SavedView.objects.filter(owner=user, screen=screen).exclude(name=name)
        if others.count() >= VIEWS_MAX:
            raise TooManyViews(most=VIEWS_MAX)
        if is_default:
            others.filter(is_default=True).update(is_default=False)
        view, _ = SavedView.objects.update_or_create(
            owner=user,
            screen=screen,
            name=name,
            defaults={"query": query, "role": role, "is_default": is_default, "saved_at": now},
        )
    return view


def remove_view(*, view: SavedView, user: User) -> None:
    """
    Forget a view.

    :raises ViewNotYours: somebody else saved it
    """
    if view.owner_id != user.pk:
        raise ViewNotYours(view=view.name)
    view.delete()
