"""
Stripe's idempotency: the first answer to a key is kept for a day and given again.

Answers are kept compressed: a load test leaves some hundred thousand of them.
"""

import hashlib
import zlib
from dataclasses import dataclass

from simulator.clock import Clock
from simulator.settings import Settings
from simulator.stripe.errors import InvalidParameter, KeyInUse, KeyReused

_MAX_KEY_CHARS = 255


@dataclass(slots=True)
class Kept:
    """What is known of a key. Without a status its first request is still being worked on."""

    endpoint: str
    fingerprint: bytes
    created: float
    status: int = 0
    packed_body: bytes = b""
    request_id: str = ""

    @property
    def body(self) -> bytes:
        return zlib.decompress(self.packed_body)


class IdempotencyKeys:
    """The keys of one account, oldest first."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._settings = settings
        self._kept: dict[str, Kept] = {}
        self._began = clock.now()

    def claim(self, key: str, *, endpoint: str, params: list[tuple[str, str]]) -> Kept | None:
        """
        Return the answer kept for the key, None when the caller is to work on the request.

        :raises KeyReused: the key belongs to another request
        :raises KeyInUse: another request with the key is being worked on
        :raises InvalidParameter: the key is too long
        """
        if len(key) > _MAX_KEY_CHARS:
            raise InvalidParameter("Idempotency keys have 255 characters at most.")
        self._forget_old()
        fingerprint = _fingerprint(params)
        kept = self._known(key)
        if kept is None:
            self._kept[key] = Kept(endpoint, fingerprint, self._clock.now())
            return None
        _check_same(kept, key, endpoint, fingerprint)
        return kept

    def keep(self, key: str, *, status: int, body: bytes, request_id: str) -> None:
        """Keep the answer for the key's lifetime."""
        kept = self._kept.get(key)
        if kept is not None:  # None: everything was reset meanwhile
            kept.status = status
            kept.packed_body = zlib.compress(body, level=1)
            kept.request_id = request_id

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
        horizon = self._clock.now() - self._settings.idempotency_lifetime
        while self._kept:
            oldest = next(iter(self._kept))
            if self._kept[oldest].created > horizon:
                return
            del self._kept[oldest]


def _fingerprint(params: list[tuple[str, str]]) -> bytes:
    canonical = "\0".join(f"{name}\0{value}" for name, value in sorted(params))
    return hashlib.sha256(canonical.encode()).digest()


def _check_same(kept: Kept, key: str, endpoint: str, fingerprint: bytes) -> None:
    if kept.endpoint != endpoint:
        raise KeyReused(
            "Keys for idempotent requests can only be used for the same endpoint they were first "
            f"used for ('{endpoint}' vs '{kept.endpoint}'). Try using a key other than '{key}'."
        )
    if kept.fingerprint != fingerprint:
        raise KeyReused(
            "Keys for idempotent requests can only be used with the same parameters they were "
            f"first used with. Try using a key other than '{key}'."
        )
    if not kept.status:
        raise KeyInUse(
            "There is currently another in-progress request using this Idempotency-Key.",
            code="idempotency_key_in_use",
        )
