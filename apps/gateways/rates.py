"""
How each gateway's latest payments ended.

Each process counts for itself and, at most once a second, tells Redis what is new and asks for what
all have told. That may be lost or late: routing then goes by what this process saw.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from typing import Protocol

import redis
from django.conf import settings

from apps.gateways.routing import Rate
from apps.gateways.shared_memory import MEMORY_FAULTS, connect_memory

# Some minutes of a busy installation: long enough to tell good from bad, short enough to follow.
WINDOW = 200

TELL_EVERY_SECONDS = 1.0
# After a fault Redis is left alone for a while, so that its outage does not slow payments too.
_AWAY_SECONDS = 5.0
# A gateway that nobody uses any more has no rate.
_KEEP_SECONDS = 3600

_Outcomes = Mapping[str, Iterable[bool]]


class SharedOutcomes(Protocol):
    """What all processes together saw."""

    def exchange(self, told: _Outcomes) -> dict[str, list[bool]]:
        """Add what is new, oldest first; return the latest of each gateway, at most `WINDOW`."""


class RedisOutcomes:
    """Keeps a list per gateway in Redis: "1" for a payment that went through, "0" for others."""

    _NAMES = "gateway_outcomes"

    def __init__(self, memory: "redis.Redis") -> None:
        self._memory = memory

    def exchange(self, told: _Outcomes) -> dict[str, list[bool]]:
        """Tell and ask in two round trips, whatever the number of gateways."""
        with self._memory.pipeline(transaction=False) as batch:
            for gateway, outcomes in told.items():
                key = self._key(gateway)
                batch.sadd(self._NAMES, gateway)
                batch.lpush(key, *("1" if each else "0" for each in outcomes))
                batch.ltrim(key, 0, WINDOW - 1)
                batch.expire(key, _KEEP_SECONDS)
            batch.smembers(self._NAMES)
            names = sorted(name.decode() for name in batch.execute()[-1])
        with self._memory.pipeline(transaction=False) as batch:
            for name in names:
                batch.lrange(self._key(name), 0, WINDOW - 1)
            lists = batch.execute()
        return {
            name: [each == b"1" for each in outcomes]
            for name, outcomes in zip(names, lists, strict=True)
            if outcomes
        }

    def _key(self, gateway: str) -> str:
        return f"{self._NAMES}:{gateway}"


class RateBook:
    """The latest outcomes per gateway, of this process or, with `shared`, of all."""

    def __init__(
        self,
        shared: SharedOutcomes | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        faults: tuple[type[Exception], ...] = (OSError,),
    ) -> None:
        self._shared = shared
        self._clock = clock
        self._faults = faults
        self._own: defaultdict[str, deque[bool]] = defaultdict(partial(deque, maxlen=WINDOW))
        self._untold: defaultdict[str, deque[bool]] = defaultdict(partial(deque, maxlen=WINDOW))
        self._heard: dict[str, list[bool]] | None = None
        self._next_exchange = 0.0
        self._lock = threading.Lock()

    def note(self, gateway: str, *, succeeded: bool) -> None:
        """Count a payment that went through, or was declined, or broke."""
        with self._lock:
            self._own[gateway].append(succeeded)
            if self._shared is not None:
                self._untold[gateway].append(succeeded)

    def read(self) -> dict[str, Rate]:
        """Return the rates of the gateways that had payments."""
        self._exchange()
        with self._lock:
            seen: Mapping[str, Iterable[bool]] = self._own if self._heard is None else self._heard
            outcomes = {name: list(each) for name, each in seen.items()}
        return {name: Rate(len(each), sum(each)) for name, each in outcomes.items()}

    def _exchange(self) -> None:
        """Tell and ask, if it is time; one thread does it, the others go on with what is known."""
        if self._shared is None:
            return
        with self._lock:
            if self._clock() < self._next_exchange:
                return
            self._next_exchange = self._clock() + TELL_EVERY_SECONDS
            untold = {name: list(each) for name, each in self._untold.items()}
            self._untold.clear()
        try:
            heard = self._shared.exchange(untold)
        except self._faults:
            # What was not told is lost; a rate is an estimate anyway.
            with self._lock:
                self._heard = None
                self._next_exchange = self._clock() + _AWAY_SECONDS
            return
        with self._lock:
            self._heard = heard


@cache
def _book() -> RateBook:
    if not settings.CIRCUITS_SHARED:
        return RateBook()
    return RateBook(RedisOutcomes(connect_memory()), faults=MEMORY_FAULTS)


def note_outcome(gateway: str, *, succeeded: bool) -> None:
    """Count a payment that went through, or was declined, or broke."""
    _book().note(gateway, succeeded=succeeded)


def read_rates() -> dict[str, Rate]:
    """Return the rates of the gateways that had payments."""
    return _book().read()


def reset_rates() -> None:
    """Forget all outcomes."""
    _book.cache_clear()
