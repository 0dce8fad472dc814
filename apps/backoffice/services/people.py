"""Members of staff: their roles, and their way in."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.utils.module_loading import import_string

from apps.backoffice.errors import OwnAccess
from apps.backoffice.models import User
from apps.backoffice.services.second_factor import give_second_factor
from apps.backoffice.services.sessions import end_sessions

FIRST_PASSWORD_BYTES: Final = 15


class UnknownRole(LookupError):
    """config/roles.py does not list this role."""


class UnknownPermission(LookupError):
    """A role holds a permission that no migration has made."""


def roles() -> Mapping[str, Iterable[str]]:
    """Return every role with the permissions it holds (config/roles.py)."""
    listed: Mapping[str, Iterable[str]] = import_string(settings.BACKOFFICE_ROLES)
    return listed


def setup_roles() -> int:
    """
    Make the groups exactly what config/roles.py says; running it twice changes nothing.

    Returns how many roles there are. Groups that are not listed lose every permission, so that a
    role taken out of the table is gone.

    :raises UnknownPermission: a role names a permission that does not exist
    """
    listed = roles()
    known = {
        f"{row.content_type.app_label}.{row.codename}": row
        for row in Permission.objects.select_related("content_type")
    }
    with transaction.atomic():
        for name, permissions in listed.items():
            missing = sorted(set(permissions) - set(known))
            if missing:
                raise UnknownPermission(f"{name}: {', '.join(missing)}")
            group, _ = Group.objects.get_or_create(name=name)
            group.permissions.set([known[permission] for permission in permissions])
        for stray in Group.objects.exclude(name__in=listed):
            stray.permissions.clear()
    return len(listed)


def create_staff(
    *, email: str, role: str, password: str, name: str = "", totp_secret: str = ""
) -> tuple[User, str]:
    """
    Create, or bring up to date, a member of staff with a role, a password and a second factor.

    `totp_secret` is base32, as authenticator apps take it; without one a new one is made. Returns
    the person and the secret, which is told nowhere else. Roles must have been set up before.

    :raises UnknownRole: no such role
    :raises ValidationError: the password is too weak
    """
    group = _group(role)
    with transaction.atomic():
        user = User.objects.filter(email=email.lower()).first() or User(email=email.lower())
        validate_password(password, user)
        user.name, user.is_staff, user.is_active = name, True, True
        user.set_password(password)
        user.save()
        user.groups.set([group])
        return user, give_second_factor(user=user, secret=totp_secret)


def invite_staff(*, email: str, name: str, role: str) -> tuple[User, str]:
    """
    Create a member of staff who enrols their second factor at the first log-in.

    Returns the person and the first password, which is told nowhere else.

    :raises UnknownRole: no such role
    :raises IntegrityError: somebody has this e-mail address
    """
    password = secrets.token_urlsafe(FIRST_PASSWORD_BYTES)
    with transaction.atomic():
        user = User.objects.create_user(email, password, name=name, is_staff=True)
        user.groups.set([_group(role)])
    return user, password


def change_role(*, user: User, role: str, by: User) -> None:
    """
    Give a person this role instead of the one they had.

    :raises OwnAccess: nobody changes their own
    :raises UnknownRole: no such role
    """
    _check_other(user, by)
    user.groups.set([_group(role)])


def shut_out(*, user: User, by: User, now: datetime) -> None:
    """
    End a person's access and their sessions, which stay ended should they be let in again.

    :raises OwnAccess: nobody shuts themselves out
    """
    _check_other(user, by)
    user.is_active = False
    with transaction.atomic():
        user.save(update_fields=["is_active"])
        end_sessions(user=user, by=by, now=now)


def let_in(*, user: User) -> None:
    """Give a person their access back."""
    user.is_active = True
    user.save(update_fields=["is_active"])


def _group(role: str) -> Group:
    group = Group.objects.filter(name=role).first()
    if group is None:
        raise UnknownRole(role)
    return group


def _check_other(user: User, by: User) -> None:
    if user.pk == by.pk:
        raise OwnAccess(actor=by.actor)
