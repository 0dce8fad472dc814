"""Who and what may come in: the table that a review of access goes through, line by line."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.api.models import ApiKey
from apps.backoffice.models import User


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """One person or key; `rights` are roles or scopes, and its last use a log-in or a request."""

    kind: str
    name: str
    owner: str
    rights: str
    mode: str
    is_active: bool
    has_second_factor: bool | None
    created_at: datetime
    last_used_at: datetime | None
    ends_at: datetime | None


def list_access(*, now: datetime) -> Iterator[Access]:
    """Return everybody of the back-office and every API key, those without access too."""
    yield from _people()
    yield from _keys(now)


def _people() -> Iterator[Access]:
    protected = set(TOTPDevice.objects.filter(confirmed=True).values_list("user_id", flat=True))
    for user in User.objects.prefetch_related("groups").order_by("email"):
        roles = sorted(group.name for group in user.groups.all())
        yield Access(
            kind="person",
            name=user.email,
            owner=user.name,
            rights=" ".join([*(["superuser"] if user.is_superuser else []), *roles]),
            mode="",
            is_active=user.is_active and user.is_staff,
            has_second_factor=user.pk in protected,
            created_at=user.created_at,
            last_used_at=user.last_login,
            ends_at=None,
        )


def _keys(now: datetime) -> Iterator[Access]:
    for key in ApiKey.objects.select_related("merchant").order_by("created_at", "id"):
        ends_at = min((at for at in (key.revoked_at, key.expires_at) if at), default=None)
        yield Access(
            kind=f"{key.kind} key",
            name=key.display,
            owner=key.merchant.name,
            rights=" ".join(key.scopes) or "all",
            mode="live" if key.livemode else "test",
            is_active=ends_at is None or ends_at > now,
            has_second_factor=None,
            created_at=key.created_at,
            last_used_at=key.last_used_at,
            ends_at=ends_at,
        )
