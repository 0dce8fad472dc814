"""Members of staff: their roles, their second factor, their way in."""

import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

import django_otp
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.utils.module_loading import import_string
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.backoffice.errors import OwnAccess
from apps.backoffice.models import Approval, RecoveryDevice, StaffSession, User
from apps.common.origin import Origin

# 160 bits, as RFC 4226 advises for the shared secret.
KEY_BYTES: Final = 20
RECOVERY_CODES: Final = 10
# 80 bits each: nobody finds one by trying, not even with the digests at hand.
RECOVERY_CODE_BYTES: Final = 10
TOTP_DIGITS: Final = 6
FIRST_PASSWORD_BYTES: Final = 15
# The kind in config/approvals.py: whoever resets a second factor could come in instead.
RESET_SECOND_FACTOR: Final = "reset_second_factor"


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
    secret = totp_secret or _base32(secrets.token_bytes(KEY_BYTES))
    with transaction.atomic():
        user = User.objects.filter(email=email.lower()).first() or User(email=email.lower())
        validate_password(password, user)
        user.name, user.is_staff, user.is_active = name, True, True
        user.set_password(password)
        user.save()
        user.groups.set([group])
        TOTPDevice.objects.update_or_create(
            user=user,
            name="authenticator",
            defaults={"key": base64.b32decode(_padded(secret)).hex(), "confirmed": True},
        )
    return user, secret


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
        StaffSession.objects.filter(user=user, ended_at=None).update(
            ended_at=now, ended_by=by.actor
        )


def let_in(*, user: User) -> None:
    """Give a person their access back."""
    user.is_active = True
    user.save(update_fields=["is_active"])


def on_second_factor_reset(approval: Approval, *, origin: Origin, now: datetime) -> None:  # noqa: ARG001
    """Forget a person's second factor: what an approval of this kind does."""
    reset_second_factor(user=User.objects.get(email=approval.subject_id))


def has_second_factor(user: User) -> bool:
    """Return whether this person has enrolled an authenticator app."""
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def check_second_factor(*, user: User, code: str) -> Any | None:
    """
    Return the device that takes the code, or None; each code works once.

    Six digits are for the app, anything else is a recovery code. Wrong codes slow the next try
    down, twice as long each time (django-otp).
    """
    plain = code.replace(" ", "").replace("-", "").lower()
    is_totp = plain.isdigit() and len(plain) == TOTP_DIGITS
    model: Any = TOTPDevice if is_totp else RecoveryDevice
    device = model.objects.filter(user=user, confirmed=True).first()
    if device is None:
        return None
    return django_otp.verify_token(user, device.persistent_id, plain)


def enrol_second_factor(*, user: User, key: str, code: str) -> tuple[Any, list[str]] | None:
    """
    Keep the app's key once its first code proves that the person has it.

    Returns the device and new recovery codes, or None when the code is wrong.
    """
    plain = code.replace(" ", "")
    if not plain.isdigit() or not TOTP(bytes.fromhex(key)).verify(int(plain), tolerance=1):
        return None
    with transaction.atomic():
        device = TOTPDevice.objects.create(user=user, name="authenticator", key=key)
        verified = django_otp.verify_token(user, device.persistent_id, plain)
        return verified, renew_recovery_codes(user=user)


def renew_recovery_codes(*, user: User) -> list[str]:
    """Return fresh recovery codes; only their digests are kept, and the old ones end."""
    codes = [
        _base32(secrets.token_bytes(RECOVERY_CODE_BYTES)).lower() for _ in range(RECOVERY_CODES)
    ]
    RecoveryDevice.objects.update_or_create(
        user=user,
        defaults={
            "name": "recovery codes",
            "digests": [hashlib.sha256(code.encode()).hexdigest() for code in codes],
        },
    )
    return ["-".join(code[i : i + 4] for i in range(0, len(code), 4)) for code in codes]


def reset_second_factor(*, user: User) -> None:
    """Forget a person's app and recovery codes; the next log-in enrols a new one."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).delete()
        RecoveryDevice.objects.filter(user=user).delete()


def new_totp_key() -> str:
    """Return a new key in hexadecimal."""
    return secrets.token_hex(KEY_BYTES)


def totp_address(user: User, key: str) -> str:
    """Return the address which an authenticator app takes from a QR code."""
    label = quote(f"Payments:{user.email}")
    query = urlencode({"secret": _base32(bytes.fromhex(key)), "issuer": "Payments"})
    return f"otpauth://totp/{label}?{query}"


def _group(role: str) -> Group:
    group = Group.objects.filter(name=role).first()
    if group is None:
        raise UnknownRole(role)
    return group


def _check_other(user: User, by: User) -> None:
    if user.pk == by.pk:
        raise OwnAccess(actor=by.actor)


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=")


def _padded(secret: str) -> str:
    plain = secret.replace(" ", "").upper()
    return plain + "=" * (-len(plain) % 8)
