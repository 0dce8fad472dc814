"""How long a failed message waits, and when it is given up: pure decisions."""

import random
from datetime import timedelta

# Together the waits come to about a quarter of an hour: longer than a database's failover or a
# deploy, short enough that somebody looks while the cause is fresh.
MAX_ATTEMPTS = 12
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 300.0


def is_last_attempt(attempts: int) -> bool:
    """Return whether a message that failed this often becomes a dead letter."""
    return attempts >= MAX_ATTEMPTS


def wait_after(attempts: int) -> timedelta:
    """
    Return the wait after the `attempts`-th failure: exponential with full jitter.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
    """
    longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0**attempts)
    return timedelta(seconds=random.uniform(0, longest))  # noqa: S311 - no secret
