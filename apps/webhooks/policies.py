"""How long inbound events wait, and when they are given up: pure decisions."""

from datetime import timedelta

MAX_INBOUND_ATTEMPTS = 12
# An event that overtook the commit of its own call waits a second. One about an object of another
# installation waits in vain: after two days a person is told.
PARKED_WAITS_SECONDS = (1, 2, 5, 15, 60, 300, 900, 3600, 10_800, 21_600, 43_200, 86_400)


def is_last_inbound_attempt(attempts: int) -> bool:
    """Return whether an event that was tried this often is given up."""
    return attempts >= MAX_INBOUND_ATTEMPTS


def parked_wait_after(attempts: int) -> timedelta:
    """Return how long an event about an unknown object waits after its `attempts`-th try."""
    place = min(attempts, len(PARKED_WAITS_SECONDS)) - 1
    return timedelta(seconds=PARKED_WAITS_SECONDS[place])
