"""Circuit trips that all processes see."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from apps.gateways.circuit import ProcessBoard, Trip

_Answer = TypeVar("_Answer")


class SharedMemory(Protocol):
    """The few commands of Redis that a shared board needs."""

    def get(self, name: str) -> bytes | None:
        """GET."""

    def set(self, name: str, value: str, *, px: int, nx: bool = False) -> bool | None:
        """SET, with an expiry in milliseconds and if asked only when absent."""

    def delete(self, *names: str) -> int:
        """DEL."""


class RedisBoard:
    """
    Shares the trips through Redis, and keeps its own while Redis is away.

    The path of a payment asks Redis only every `LOOK_EVERY`; in between the last answer holds.
    """

    LOOK_EVERY = timedelta(milliseconds=250)
    # After a fault Redis is left alone for a while, so that its outage does not slow payments too.
    AWAY = timedelta(seconds=2)
    # Trips that nobody renews or closes end by themselves, that long after their rest: the gateway
    # is not used any more.
    KEEP = timedelta(minutes=10)

    def __init__(
        self, memory: SharedMemory, *, faults: tuple[type[Exception], ...] = (OSError,)
    ) -> None:
        self._memory = memory
        self._faults = faults
        self._local = ProcessBoard()
        self._looked_at: dict[str, datetime] = {}
        self._away_until: datetime | None = None

    def read(self, key: str, *, now: datetime) -> Trip | None:
        """Return the trip in force, as last heard of."""
        looked_at = self._looked_at.get(key)
        if looked_at is None or now - looked_at >= self.LOOK_EVERY:
            self._looked_at[key] = now
            self._ask(lambda: self._look(key, now=now), now=now, otherwise=None)
        return self._local.read(key, now=now)

    def write(self, key: str, trip: Trip | None, *, now: datetime) -> None:
        """Put a trip in force for all processes, or close the circuit for all."""
        self._local.write(key, trip, now=now)
        self._looked_at[key] = now
        self._ask(lambda: self._publish(key, trip, now=now), now=now, otherwise=None)

    def take_probe(self, key: str, *, until: datetime, now: datetime) -> bool:
        """Return whether no other process or thread tries."""
        if not self._local.take_probe(key, until=until, now=now):
            return False
        taken = self._ask(
            lambda: bool(
                self._memory.set(_probe_name(key), "1", px=_milliseconds(until - now), nx=True)
            ),
            now=now,
            otherwise=True,
        )
        return taken is True

    def _look(self, key: str, *, now: datetime) -> None:
        stored = self._memory.get(_trip_name(key))
        trip = _load(stored)
        if trip != self._local.read(key, now=now):
            self._local.write(key, trip, now=now)

    def _publish(self, key: str, trip: Trip | None, *, now: datetime) -> None:
        if trip is None:
            self._memory.delete(_trip_name(key), _probe_name(key))
        else:
            kept = max(trip.rest_until - now, timedelta()) + self.KEEP
            self._memory.set(_trip_name(key), _dump(trip), px=_milliseconds(kept))
            self._memory.delete(_probe_name(key))

    def _ask(
        self, question: Callable[[], _Answer], *, now: datetime, otherwise: _Answer
    ) -> _Answer:
        if self._away_until is not None and now < self._away_until:
            return otherwise
        try:
            return question()
        except self._faults:
            self._away_until = now + self.AWAY
            return otherwise


def _trip_name(key: str) -> str:
    return f"circuit:{key}"


def _probe_name(key: str) -> str:
    return f"circuit:{key}:probe"


def _dump(trip: Trip) -> str:
    return f"{trip.level} {trip.rest_until.isoformat()}"


def _load(stored: bytes | None) -> Trip | None:
    """Return what is stored; what another release wrote in another form counts for nothing."""
    try:
        level, _, rest_until = (stored or b"").decode().partition(" ")
        return Trip(int(level), datetime.fromisoformat(rest_until))
    except ValueError:
        return None


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
