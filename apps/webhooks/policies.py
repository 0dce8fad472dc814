"""How long events wait in both directions, and when they are given up: pure decisions."""

import random
from datetime import timedelta

MAX_INBOUND_ATTEMPTS = 12
# An event that overtook the commit of its own call waits a second. One about an object of another
# installation waits in vain: after two days a person is told.
PARKED_WAITS_SECONDS = (1, 2, 5, 15, 60, 300, 900, 3600, 10_800, 21_600, 43_200, 86_400)

# When a delivery is tried, counted from the moment it was due first.
_MINUTE, _HOUR = 60, 3600
DELIVERY_SCHEDULE_SECONDS = (
    0,
    _MINUTE,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    6 * _HOUR,
    12 * _HOUR,
    24 * _HOUR,
    48 * _HOUR,
    72 * _HOUR,
)
# An endpoint that refused everything for so long is told so, and gets nothing any more.
DISABLE_AFTER = timedelta(days=5)
# A new endpoint may need a moment until its owner has stored the secret or deployed the code.
VERIFICATION_WAITS_SECONDS = (10, 60, 300, 1800)

# How many deliveries to one endpoint are under way at once in one process. One that fails or
# hangs keeps only the small number busy, whatever waits for it.
CONCURRENCY = 32
CONCURRENCY_WHILE_FAILING = 2


def is_last_inbound_attempt(attempts: int) -> bool:
    """Return whether an event that was tried this often is given up."""
    return attempts >= MAX_INBOUND_ATTEMPTS


def parked_wait_after(attempts: int) -> timedelta:
    """Return how long an event about an unknown object waits after its `attempts`-th try."""
    place = min(attempts, len(PARKED_WAITS_SECONDS)) - 1
    return timedelta(seconds=PARKED_WAITS_SECONDS[place])


def delivery_wait_after(attempts: int, *, age: timedelta) -> timedelta | None:
    """
    Return the wait after the `attempts`-th failure of a delivery, None when it was the last one.

    `age` is the time since the schedule began. The next try falls anywhere between its place in
    the schedule and the place before: full jitter, and yet the schedule keeps its length. A
    schedule that is late (no dispatcher ran) goes on from now.
    """
    if attempts >= len(DELIVERY_SCHEDULE_SECONDS):
        return None
    earliest, latest = DELIVERY_SCHEDULE_SECONDS[attempts - 1 : attempts + 1]
    waited = age.total_seconds()
    begin = max(earliest, waited)
    end = latest if begin < latest else begin + (latest - earliest)
    return timedelta(seconds=random.uniform(begin, end) - waited)  # noqa: S311 - no secret


def verification_wait_after(attempts: int) -> timedelta | None:
    """Return when an unverified endpoint is asked again by itself, None for never."""
    if attempts > len(VERIFICATION_WAITS_SECONDS):
        return None
    return timedelta(seconds=VERIFICATION_WAITS_SECONDS[attempts - 1])
