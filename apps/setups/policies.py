"""Decisions about setups that need no database; time is passed in."""

from datetime import datetime, timedelta

# How long the process that talks to the gateway is left alone before a sweep takes over.
LEASE = timedelta(seconds=10)

# When a setup whose end is not known is looked at again: an answer that got lost at once, a payer
# at the bank's page in calmer steps. Webhooks are faster anyway.
_LOOK_AFTER = [
    *(timedelta(seconds=s) for s in (5, 20)),
    *(timedelta(minutes=m) for m in (1, 5, 30)),
    *(timedelta(hours=h) for h in (1, 6, 16)),
]


def next_look(now: datetime, *, checks: int) -> datetime | None:
    """Return when to look again; None after a day, when nobody waits any more."""
    return now + _LOOK_AFTER[checks] if checks < len(_LOOK_AFTER) else None
