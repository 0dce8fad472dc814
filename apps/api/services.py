"""Make and end API keys, and clear idempotency keys that have served their time."""

import ipaddress
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.conf import settings
from django.db import connection, transaction

from apps.api.authentication import digest_of, forget_keys
from apps.api.models import ApiKey, ApiKeyKind, Merchant
from apps.common.errors import DomainError

SECRET_BYTES: Final = 32
# How long the old key works on after a roll, unless the caller says otherwise.
ROLL_OVERLAP: Final = timedelta(hours=24)
# Rows per statement when keys expire: short locks, and 350,000 rows a second all the same.
EXPIRY_BATCH: Final = 5000
_PREFIXES: Final = {
    ApiKeyKind.SECRET: "sk",
    ApiKeyKind.RESTRICTED: "rk",
    ApiKeyKind.PUBLISHABLE: "pk",
}


class ApiKeyOptionsInvalid(DomainError):
    """Scopes belong to restricted keys and read `refunds:write`; addresses are networks."""

    code: ClassVar[str] = "api_key_options_invalid"
    status: ClassVar[int] = 400


class ApiKeyRevoked(DomainError):
    code: ClassVar[str] = "api_key_revoked"
    template: ClassVar[str] = "The key {display} has been revoked."


def create_merchant(*, name: str, now: datetime) -> Merchant:
    """Create a merchant; it cannot do anything before it has an API key."""
    return Merchant.objects.create(name=name, created_at=now)


def create_api_key(
    *,
    merchant: Merchant,
    livemode: bool,
    now: datetime,
    kind: ApiKeyKind = ApiKeyKind.SECRET,
    name: str = "",
    scopes: Sequence[str] = (),
    ip_allow_list: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """
    Create a key and return it with its secret, which is shown this once and stored nowhere.

    :raises ApiKeyOptionsInvalid: scopes on a key that is not restricted or none on one that is,
        a scope that is not `<resource>:read|write`, or an entry that is no network
    """
    _check_options(kind, scopes, ip_allow_list)
    prefix = f"{_PREFIXES[kind]}_{'live' if livemode else 'test'}_"
    secret = prefix + secrets.token_hex(SECRET_BYTES)
    key = ApiKey.objects.create(
        merchant=merchant,
        livemode=livemode,
        kind=kind,
        name=name,
        display=f"{prefix}...{secret[-4:]}",
        digest=digest_of(secret),
        scopes=list(scopes),
        ip_allow_list=list(ip_allow_list),
        api_version=settings.API_VERSION,
        created_at=now,
        expires_at=expires_at,
    )
    return key, secret


def revoke_api_key(*, key_id: str, now: datetime) -> ApiKey:
    """End a key for good; revoking it twice changes nothing."""
    with transaction.atomic():
        key = ApiKey.objects.select_for_update().get(pk=key_id)
        if key.revoked_at is None:
            key.revoked_at = now
            key.save(update_fields=["revoked_at"])
    forget_keys()
    return key


def roll_api_key(
    *, key_id: str, now: datetime, overlap: timedelta = ROLL_OVERLAP
) -> tuple[ApiKey, str]:
    """
    Replace a key by one with the same rights; the old one expires after `overlap`.

    :raises ApiKeyRevoked: the key has been revoked, so there is nothing to replace
    """
    with transaction.atomic():
        old = ApiKey.objects.select_for_update().select_related("merchant").get(pk=key_id)
        if old.revoked_at is not None:
            raise ApiKeyRevoked(display=old.display)
        fresh, secret = create_api_key(
            merchant=old.merchant,
            livemode=old.livemode,
            now=now,
            kind=ApiKeyKind(old.kind),
            name=old.name,
            scopes=old.scopes,
            ip_allow_list=old.ip_allow_list,
        )
        ends = now + overlap
        old.expires_at = min(old.expires_at, ends) if old.expires_at else ends
        old.save(update_fields=["expires_at"])
    forget_keys()
    return fresh, secret


def expire_idempotency_keys(*, now: datetime) -> int:  # noqa: ARG001 - keys go by the database's clock
    """Delete one batch of the keys that are older than their retention; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM api_idempotencykey WHERE id IN ("
            " SELECT id FROM api_idempotencykey"
            " WHERE created_at <= clock_timestamp() - make_interval(hours => %s)"
            " ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED)",
            [settings.IDEMPOTENCY_RETENTION_HOURS, EXPIRY_BATCH],
        )
        return int(cursor.rowcount)


def _check_options(kind: ApiKeyKind, scopes: Sequence[str], ip_allow_list: Sequence[str]) -> None:
    if (kind == ApiKeyKind.RESTRICTED) != bool(scopes):
        raise ApiKeyOptionsInvalid("A restricted key has scopes, and no other key has any.")
    for scope in scopes:
        resource, _, right = scope.partition(":")
        if not resource or right not in ("read", "write"):
            raise ApiKeyOptionsInvalid(f"Not a scope: {scope[:60]!r}.")
    for entry in ip_allow_list:
        try:
            ipaddress.ip_network(entry)
        except ValueError as error:
            raise ApiKeyOptionsInvalid(f"Not a network: {entry[:60]!r}.") from error
