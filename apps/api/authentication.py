"""Who is calling: API keys, what they may do, and a short memory of them."""

import base64
import binascii
import hashlib
import ipaddress
import re
import time
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apps.api.errors import (
    ApiKeyInUrl,
    ApiKeyMissing,
    AuthenticationFailed,
    PermissionRefused,
)
from apps.api.models import ApiKey, ApiKeyKind
from apps.common.addresses import client_address
from apps.common.origin import Scope

# Enough for every key of a busy installation; beyond it the memory starts afresh.
MEMORY_MAX_KEYS: Final = 10_000
LAST_USED_EVERY_SECONDS: Final = 60
_KEY: Final = re.compile(r"(?:sk|rk|pk)_(?:test|live)_[A-Za-z0-9_\-]{20,100}\Z", re.ASCII)
_KEY_IN_URL: Final = re.compile(r"(?:sk|rk)_(?:test|live)_")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """The API key behind a request, without the key."""

    merchant_id: str
    livemode: bool
    key_id: str
    kind: str
    scopes: frozenset[str]
    networks: tuple[Network, ...]
    api_version: str
    expires_at: float | None
    is_authenticated: bool = True

    @property
    def scope(self) -> Scope:
        """The data this caller sees."""
        return Scope(merchant_id=self.merchant_id, livemode=self.livemode)

    @property
    def is_publishable(self) -> bool:
        """Whether the key is public, so that the request must bring an object's client secret."""
        return self.kind == ApiKeyKind.PUBLISHABLE

    def check_access(self, resource: str, *, write: bool, publishable: bool) -> None:
        """
        Refuse what the key was not made for; to write includes to read.

        :raises PermissionRefused: a publishable key on a secret route, or a missing scope
        """
        if self.kind == ApiKeyKind.SECRET:
            return
        if self.kind == ApiKeyKind.PUBLISHABLE:
            if not publishable:
                raise PermissionRefused("This needs a secret key; a publishable key was sent.")
            return
        if f"{resource}:write" in self.scopes or (not write and f"{resource}:read" in self.scopes):
            return
        needed = f"{resource}:{'write' if write else 'read'}"
        raise PermissionRefused(f"The restricted key does not have the scope {needed}.")


def authenticate(request: HttpRequest) -> Caller:
    """
    Return the caller of a request.

    Keys are remembered for API_KEY_CACHE_SECONDS: for that long a revoked key may still work in
    another process.

    :raises AuthenticationFailed: no key, an unknown, expired or revoked one, or a key in the URL
    :raises PermissionRefused: the caller's address is not on the key's list
    """
    query = request.META.get("QUERY_STRING", "")
    if "k_" in query and _KEY_IN_URL.search(query):
        raise ApiKeyInUrl
    caller = _recall(_sent_key(request))
    if caller.expires_at is not None and caller.expires_at <= time.time():
        raise AuthenticationFailed("The API key has expired.")
    if caller.networks:
        _check_address(caller.networks, client_address(request))
    return caller


def forget_keys() -> None:
    """Look every key up again; called when a key is revoked or rolled."""
    _memory.clear()


def digest_of(secret: str) -> bytes:
    """Return what is stored instead of a key; 256 random bits need no salt and no stretching."""
    return hashlib.sha256(secret.encode()).digest()


class ApiKeyAuthentication(BaseAuthentication):
    """The same for views of plain Django REST framework, and for the OpenAPI document."""

    def authenticate(self, request: Request) -> tuple[Any, None]:
        """Return the caller as the user of the request."""
        return authenticate(request._request), None  # noqa: SLF001 - no public way to it

    def authenticate_header(self, _request: Request) -> str:
        """Return the challenge, without which the framework would answer 403 instead of 401."""
        return 'Bearer realm="api"'


_memory: dict[bytes, tuple[float, Caller]] = {}


def _sent_key(request: HttpRequest) -> str:
    header = str(request.META.get("HTTP_AUTHORIZATION", ""))
    scheme, _, credentials = header.partition(" ")
    scheme, credentials = scheme.lower(), credentials.strip()
    if scheme == "basic":
        credentials = _basic_user(credentials)
    elif scheme != "bearer":
        raise ApiKeyMissing
    if not _KEY.match(credentials):
        raise AuthenticationFailed
    return credentials


def _basic_user(credentials: str) -> str:
    try:
        plain = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise AuthenticationFailed from error
    return plain.partition(":")[0]


def _recall(secret: str) -> Caller:
    digest = digest_of(secret)
    known = _memory.get(digest)
    if known is not None and known[0] > time.monotonic():
        return known[1]
    caller = _load(digest)
    if len(_memory) >= MEMORY_MAX_KEYS:
        _memory.clear()
    _memory[digest] = (time.monotonic() + settings.API_KEY_CACHE_SECONDS, caller)
    return caller


def _load(digest: bytes) -> Caller:
    key = ApiKey.objects.filter(digest=digest, revoked_at__isnull=True).first()
    if key is None:
        raise AuthenticationFailed
    _note_use(key)
    return Caller(
        merchant_id=key.merchant_id,
        livemode=key.livemode,
        key_id=key.id,
        kind=key.kind,
        scopes=frozenset(key.scopes),
        networks=tuple(ipaddress.ip_network(entry) for entry in key.ip_allow_list),
        api_version=key.api_version,
        expires_at=key.expires_at.timestamp() if key.expires_at else None,
    )


def _note_use(key: ApiKey) -> None:
    """Keep `last_used_at` right to the minute; the condition makes most of these no writes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE api_apikey SET last_used_at = now() WHERE id = %s"
            " AND (last_used_at IS NULL OR last_used_at < now() - make_interval(secs => %s))",
            [key.id, LAST_USED_EVERY_SECONDS],
        )


def _check_address(networks: tuple[Network, ...], address: str) -> None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        parsed = None
    if parsed is None or not any(parsed in network for network in networks):
        raise PermissionRefused("This address may not use the API key.")
