"""
The circuit breaker: leave a gateway alone while its calls fail, and ask it again gently.

Each process counts its own calls, since most faults show to all of them at once. What all share is
the verdict: one trips, all rest; and of all only one tries again first.
"""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Protocol

from apps.gateways.errors import GatewayNotSent


class CircuitOpen(GatewayNotSent):
    """The gateway rests; nothing was sent, so fail over freely."""


# --- Policy: pure ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class CircuitPolicy:
    """
    When to stop calling, and for how long.

    Half of at least five calls within ten seconds: a single lost answer trips nothing, a dead
    gateway trips after five payments. The rest begins short, because most outages are, and doubles
    while the gateway stays away. A probe that tells nothing within `probe_time` is given up.
    """

    window: timedelta = timedelta(seconds=10)
    least_calls: int = 5
    failure_percent: int = 50
    first_rest: timedelta = timedelta(seconds=2)
    longest_rest: timedelta = timedelta(seconds=30)
    probe_time: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Tally:
    """The calls of one window."""

    started_at: datetime
    calls: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Trip:
    """The gateway rests until `rest_until`; `level` counts the trips in a row, from 1."""

    level: int
    rest_until: datetime


def count_call(tally: Tally, *, failed: bool, now: datetime, policy: CircuitPolicy) -> Tally:
    """Return the tally with one more call; a call after the window begins a new one."""
    if now - tally.started_at > policy.window:
        tally = Tally(started_at=now)
    return Tally(tally.started_at, tally.calls + 1, tally.failures + failed)


def is_too_bad(tally: Tally, policy: CircuitPolicy) -> bool:
    """Return whether the tally says to stop."""
    has_enough = tally.calls >= policy.least_calls
    return has_enough and tally.failures * 100 >= tally.calls * policy.failure_percent


def next_trip(before: Trip | None, *, now: datetime, policy: CircuitPolicy) -> Trip:
    """Return the trip after `before`, with a rest twice as long up to the longest."""
    level = before.level + 1 if before else 1
    # Bounded before the power is taken, which would otherwise grow without limit.
    doubled = policy.first_rest * 2 ** min(level - 1, 16)
    return Trip(level, now + min(doubled, policy.longest_rest))


# --- The shared verdict ---------------------------------------------------------------------


class CircuitBoard(Protocol):
    """Where trips are kept, by key; shared by threads, and by processes if it can be."""

    def read(self, key: str, *, now: datetime) -> Trip | None:
        """Return the trip in force, None while the circuit is closed."""

    def write(self, key: str, trip: Trip | None, *, now: datetime) -> None:
        """Put a trip in force, or with None close the circuit."""

    def take_probe(self, key: str, *, until: datetime, now: datetime) -> bool:
        """Return whether the caller is the one who may try; nobody else may before `until`."""


class ProcessBoard:
    """Keeps the trips of this process."""

    def __init__(self) -> None:
        self._trips: dict[str, Trip] = {}
        self._probes: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def read(self, key: str, *, now: datetime) -> Trip | None:
        """Return the trip in force."""
        del now
        return self._trips.get(key)

    def write(self, key: str, trip: Trip | None, *, now: datetime) -> None:
        """Put a trip in force, or close the circuit; a probe under way has told then."""
        del now
        with self._lock:
            self._probes.pop(key, None)
            if trip is None:
                self._trips.pop(key, None)
            else:
                self._trips[key] = trip

    def take_probe(self, key: str, *, until: datetime, now: datetime) -> bool:
        """Return whether nobody else tries."""
        with self._lock:
            if self._probes.get(key, now) > now:
                return False
            self._probes[key] = until
            return True


# --- The breaker ----------------------------------------------------------------------------


class CircuitState(IntEnum):
    """What happens to the next call: it is made, or it tries for all others, or it is refused."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, slots=True)
class CallPass:
    """The leave to make one call; hand it back to `record` with the outcome."""

    key: str
    is_probe: bool


class CircuitBreaker:
    """One circuit per gateway and operation: refunds may fail while payments work."""

    def __init__(self, board: CircuitBoard, policy: CircuitPolicy | None = None) -> None:
        self._board = board
        self._policy = policy or CircuitPolicy()
        self._tallies: dict[str, Tally] = {}
        self._lock = threading.Lock()

    def admit(self, *, gateway: str, operation: str, now: datetime) -> CallPass:
        """
        Return the leave to call.

        :raises CircuitOpen: the gateway rests, or another call is finding out whether it is back
        """
        key = f"{gateway}:{operation}"
        trip = self._board.read(key, now=now)
        if trip is None:
            return CallPass(key, is_probe=False)
        if now < trip.rest_until:
            raise CircuitOpen(f"{key} rests until {trip.rest_until.isoformat()}")
        if not self._board.take_probe(key, until=now + self._policy.probe_time, now=now):
            raise CircuitOpen(f"{key} is being tried")
        return CallPass(key, is_probe=True)

    def state(self, *, gateway: str, operation: str, now: datetime) -> CircuitState:
        """Return how the circuit stands, for people and metrics; asks for no leave."""
        trip = self._board.read(f"{gateway}:{operation}", now=now)
        if trip is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if now < trip.rest_until else CircuitState.HALF_OPEN

    def rest(self, *, gateway: str, operation: str, until: datetime, now: datetime) -> None:
        """Let a gateway rest because a person says so; afterwards it is tried as after a fault."""
        self._board.write(f"{gateway}:{operation}", Trip(1, until), now=now)

    def close(self, *, gateway: str, operation: str, now: datetime) -> None:
        """Let calls go to the gateway again at once."""
        self._board.write(f"{gateway}:{operation}", None, now=now)

    def record(self, call: CallPass, *, failed: bool, now: datetime) -> None:
        """
        Take note of an outcome.

        `failed` is about the gateway's health: not sent, or of unknown outcome. A decline and a
        refused request are signs of life.
        """
        if call.is_probe:
            self._record_probe(call.key, failed=failed, now=now)
            return
        with self._lock:
            before = self._tallies.get(call.key) or Tally(started_at=now)
            tally = count_call(before, failed=failed, now=now, policy=self._policy)
            trips = is_too_bad(tally, self._policy)
            self._tallies[call.key] = Tally(started_at=now) if trips else tally
        # Calls that were under way when the circuit opened do not lengthen its rest.
        if trips and self._board.read(call.key, now=now) is None:
            self._board.write(call.key, next_trip(None, now=now, policy=self._policy), now=now)

    def _record_probe(self, key: str, *, failed: bool, now: datetime) -> None:
        if failed:
            before = self._board.read(key, now=now)
            self._board.write(key, next_trip(before, now=now, policy=self._policy), now=now)
        else:
            with self._lock:
                self._tallies.pop(key, None)
            self._board.write(key, None, now=now)
