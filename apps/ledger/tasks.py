"""What the ledger does by the clock; wired in config/schedule.py."""

from datetime import UTC, datetime, timedelta

from apps.ledger.partitions import add_partitions
from apps.ledger.services import seal_entries, take_snapshots

# A day's snapshot is taken at the first run after this much of the next day, when all is booked.
SNAPSHOT_AFTER_MIDNIGHT = timedelta(hours=2)


def seal_ledger(*, now: datetime) -> int:
    """Seal what was booked since the last run; return the number of entries."""
    seal = seal_entries(now=now)
    return len(seal.entry_ids) if seal else 0


def keep_ledger(*, now: datetime) -> int:
    """
    Keep the balances at the last midnight UTC and the partitions ahead.

    Returns how many accounts and months there were to keep; none at a second run on the same day.
    """
    settled = now.astimezone(UTC) - SNAPSHOT_AFTER_MIDNIGHT
    midnight = settled.replace(hour=0, minute=0, second=0, microsecond=0)
    return take_snapshots(before=midnight, now=now) + len(add_partitions(now=now))
