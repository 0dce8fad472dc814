"""Adyen's idempotency: the first answer to a key is kept for a week and given again."""

import hashlib
import zlib
from dataclasses import dataclass

from simulator.adyen.errors import AdyenError, key_in_use
from simulator.clock import Clock

MAX_KEY_CHARS = 64
# "Keys are valid for at least 7 days."
_LIFETIME_SECONDS = 7 * 24 * 60 * 60


@dataclass(slots=True)
class Kept:
    """What is known of a key. Without a status its first request is still being worked on."""

    fingerprint: bytes
    created: float
    status: int = 0
    packed_body: bytes = b""

    @property
    def body(self) -> bytes:
        return zlib.decompress(self.packed_body)


class IdempotencyKeys:
    """The keys of one account, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, Kept] = {}
        self._began = clock.now()

    def claim(self, key: str, *, path: str, body: bytes) -> Kept | None:
        """
        Return the answer kept for the key, None when the caller is to work on the request.

        :raises AdyenError: the key is in use, belongs to another request, or is too long
        """
        if len(key) > MAX_KEY_CHARS:
            raise AdyenError("Idempotency keys have 64 characters at most.", code="703")
        self._forget_old()
        fingerprint = hashlib.sha256(path.encode() + b"\0" + body).digest()
        kept = self._known(key)
        if kept is None:
            self._kept[key] = Kept(fingerprint, self._clock.now())
            return None
        if kept.fingerprint != fingerprint or not kept.status:
            raise key_in_use()
        return kept

    def keep(self, key: str, *, status: int, body: bytes) -> None:
        """Keep the answer for the key's lifetime."""
        kept = self._kept.get(key)
        if kept is not None:  # None: everything was reset meanwhile
            kept.status = status
            kept.packed_body = zlib.compress(body, level=1)

    def release(self, key: str) -> None:
        """Let go of a key whose request was refused before any work."""
        self._kept.pop(key, None)

    def store(self) -> dict[str, Kept]:
        """Return all keys with their answers."""
        return self._kept

    def _known(self, key: str) -> Kept | None:
        """Return what is known of a key; one whose work ended with the process is free again."""
        kept = self._kept.get(key)
        is_lost = kept is not None and not kept.status and kept.created < self._began
        return None if is_lost else kept

    def _forget_old(self) -> None:
        horizon = self._clock.now() - _LIFETIME_SECONDS
        while self._kept:
            oldest = next(iter(self._kept))
            if self._kept[oldest].created > horizon:
                return
            del self._kept[oldest]
