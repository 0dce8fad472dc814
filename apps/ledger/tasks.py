"""What the ledger does by the clock; wired in config/schedule.py."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from apps.ledger.partitions import add_partitions
from apps.ledger.services import seal_entries, take_snapshots

# A day's snapshot is taken at the first run after this much of the next day, when all is booked.
SNAPSHOT_AFTER_MIDNIGHT = timedelta(hours=2)


@shared_task
def seal_ledger() -> None:
    """Seal what was booked since the last run; every minute."""
    seal_entries(now=timezone.now())


@shared_task
def keep_ledger() -> None:
    """Keep the balances at the last midnight UTC, and the partitions ahead; every day."""
    now = timezone.now()
    midnight = (now - SNAPSHOT_AFTER_MIDNIGHT).replace(hour=0, minute=0, second=0, microsecond=0)
    take_snapshots(before=midnight, now=now)
    add_partitions(now=now)
