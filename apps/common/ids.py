"""Prefixed public identifiers: the prefix says what the id points at, the rest sorts by time."""

import os
import time

# Crockford's alphabet in lower case: its characters sort in the order of their values.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
ID_LENGTH = 26


def new_id(prefix: str) -> str:
    """
    Return e.g. `pi_01kahxk4m0f1v8y2c6d9e3g7hj`: 48 bits of milliseconds, then 80 random bits.

    Ids made later sort after ids made earlier, to the millisecond.
    Source: the layout of ULID.
    """
    value = (time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10), "big")
    digits = [""] * 13
    for place in range(12, -1, -1):
        digits[place] = _PAIRS[value & 1023]
        value >>= 10
    return f"{prefix}_{''.join(digits)}"
