"""A text column encrypted at rest: AES-GCM with key ids, bound to its place, keys rotate."""

import base64
import hashlib
import hmac
import os
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

_VERSION = "v1"
_NONCE_BYTES = 12


class DecryptionFailed(Exception):
    """The stored text was written with a key that is not configured, or was moved or changed."""


def encrypt(plain: str, *, context: str) -> str:
    """
    Return `plain` under the newest key, as `v1.<key id>.<base64>`.

    `context` names the column; a ciphertext copied to another column does not decrypt.
    """
    key_id, cipher = _ciphers()[0]
    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + cipher.encrypt(nonce, plain.encode(), context.encode())
    return f"{_VERSION}.{key_id}.{base64.urlsafe_b64encode(sealed).decode()}"


def decrypt(stored: str, *, context: str) -> str:
    """
    Return the text that `encrypt` was given.

    :raises DecryptionFailed: unknown key, other context, or altered text
    """
    version, _, rest = stored.partition(".")
    key_id, _, text = rest.partition(".")
    cipher = dict(_ciphers()).get(key_id) if version == _VERSION else None
    if cipher is None:
        raise DecryptionFailed(f"no key {key_id!r} is configured for {context}")
    sealed = base64.urlsafe_b64decode(text)
    try:
        plain = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
    except InvalidTag as error:
        raise DecryptionFailed(f"{context} was altered or belongs elsewhere") from error
    return plain.decode()


def blind_index(plain: str, *, context: str) -> str:
    """Return what finds `plain` in its column again: a digest under the newest key."""
    return blind_indexes(plain, context=context)[0]


def blind_indexes(plain: str, *, context: str) -> list[str]:
    """Return the digests under all keys, as a row may not be rewritten yet."""
    return [
        hmac.new(key, f"{context}:{plain}".encode(), hashlib.sha256).hexdigest()
        for key in _index_keys(tuple(settings.FIELD_ENCRYPTION_KEYS))
    ]


@lru_cache(maxsize=4)
def _index_keys(keys: tuple[str, ...]) -> list[bytes]:
    # Not the keys that encrypt: one key serves one purpose.
    return [hashlib.sha256(b"blind index:" + key.encode()).digest() for key in keys]


def is_current(stored: str) -> bool:
    """Return whether the newest key wrote this; `rotate_field_keys` rewrites the rest."""
    return stored.startswith(f"{_VERSION}.{_ciphers()[0][0]}.")


def _ciphers() -> list[tuple[str, AESGCM]]:
    return _build(tuple(settings.FIELD_ENCRYPTION_KEYS))


@lru_cache(maxsize=4)
def _build(keys: tuple[str, ...]) -> list[tuple[str, AESGCM]]:
    if not keys:
        raise ImproperlyConfigured("FIELD_ENCRYPTION_KEYS is empty: set at least one key")
    digests = [hashlib.sha256(key.encode()).digest() for key in keys]
    return [(hashlib.sha256(d).hexdigest()[:8], AESGCM(d)) for d in digests]


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]  # Django has no subscript
    """
    A TextField whose column holds ciphertext; it cannot be searched by value.

    `digest_column` names the column beside it that holds the value's blind index, if one does.
    """

    def __init__(self, *args: Any, digest_column: str = "", **kwargs: Any) -> None:
        self.digest_column = digest_column
        super().__init__(*args, **kwargs)

    def get_prep_value(self, value: Any) -> Any:
        """Encrypt on the way to the database; an empty text stays empty."""
        return encrypt(value, context=self._context()) if value else value

    def from_db_value(self, value: Any, _expression: Any, _connection: Any) -> Any:
        """Decrypt on the way from the database."""
        return decrypt(value, context=self._context()) if value else value

    def _context(self) -> str:
        return f"{self.model._meta.db_table}.{self.column}"
