"""The second factor of staff: an authenticator app, and codes for the day when it is lost."""

import base64
import hashlib
import secrets
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

import django_otp
from django.db import transaction
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.backoffice.models import Approval, RecoveryDevice, User
from apps.common.origin import Origin

# 160 bits, as RFC 4226 advises for the shared secret.
KEY_BYTES: Final = 20
RECOVERY_CODES: Final = 10
# 80 bits each: nobody finds one by trying, not even with the digests at hand.
RECOVERY_CODE_BYTES: Final = 10
TOTP_DIGITS: Final = 6
# The kind in config/approvals.py: whoever resets a second factor could come in instead.
RESET_SECOND_FACTOR: Final = "reset_second_factor"


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


def give_second_factor(*, user: User, secret: str = "") -> str:
    """
    Give a person a confirmed authenticator, instead of the one they may have; return its secret.

    `secret` is base32, as authenticator apps take it; without one a new one is made.
    """
    secret = secret or _base32(secrets.token_bytes(KEY_BYTES))
    TOTPDevice.objects.update_or_create(
        user=user,
        name="authenticator",
        defaults={"key": base64.b32decode(_padded(secret)).hex(), "confirmed": True},
    )
    return secret


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


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=")


def _padded(secret: str) -> str:
    plain = secret.replace(" ", "").upper()
    return plain + "=" * (-len(plain) % 8)
