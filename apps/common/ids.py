"""Prefixed public identifiers: the prefix says what the id points at, the rest sorts by time."""

import re
import secrets
import time
from datetime import UTC, datetime, timedelta

# Crockford's alphabet in lower case: its characters sort in the order of their values.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
ID_LENGTH = 26
_SHAPE = re.compile(rf"[a-z]+_[{_ALPHABET}]{{{ID_LENGTH}}}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COARSEST_TICK = 20_000_000  # nanoseconds
_latest_tick = 0


def new_id(prefix: str) -> str:
    """
    Return e.g. `pi_01kahxk4m0f1v8y2c6d9e3g7hj`, which sorts by when it was made.

    128 bits: 48 of milliseconds, 20 of the nanoseconds within them, and 60 random ones. What one
    machine makes one after the other sorts so: the events of one request are listed in the order
    in which they happened.
    Source: the layout of ULID, with the finer clock of RFC 9562, section 6.2, method 3.
    """
    milliseconds, nanoseconds = divmod(_next_tick(), 1_000_000)
    return _encode(prefix, milliseconds, nanoseconds << 60 | secrets.randbits(60))


def id_at(prefix: str, moment: datetime) -> str:
    """Return a new id which sorts by `moment`, not the clock; its last 80 bits are random."""
    return _encode(prefix, _milliseconds(moment), secrets.randbits(80))


def first_id(prefix: str, moment: datetime) -> str:
    """Return the id before which everything made before `moment` sorts: a bound for ranges."""
    return _encode(prefix, _milliseconds(moment), 0)


def is_id(text: str) -> bool:
    """Return whether a text has the form of our ids, whatever it points at."""
    return _SHAPE.fullmatch(text) is not None


def _next_tick() -> int:
    """
    Return the clock's nanoseconds, each time later than before, also when the clock is coarse.

    A clock that was set back by more than that is followed: ids stand for ranges of time.
    """
    global _latest_tick  # noqa: PLW0603 - one process has one clock
    now = time.time_ns()
    _latest_tick = _latest_tick + 1 if 0 <= _latest_tick - now < _COARSEST_TICK else now
    return _latest_tick


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _encode(prefix: str, milliseconds: int, tail: int) -> str:
    value = milliseconds << 80 | tail
    digits = [""] * 13
    for place in range(12, -1, -1):
        digits[place] = _PAIRS[value & 1023]
        value >>= 10
    return f"{prefix}_{''.join(digits)}"
