"""What risk does by the clock; wired in config/schedule.py."""

from datetime import datetime
from typing import Final

from django.db import connection

# Counters that one sweep drops; the next takes the rest.
_BATCH: Final = 5_000

_DROP: Final = """
DELETE FROM fraud_tally WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM fraud_tally WHERE expires_at < %s LIMIT %s FOR UPDATE SKIP LOCKED))
"""


def drop_old_tallies(*, now: datetime) -> int:
    """Drop counters of a time without Redis that no window reaches any more; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_DROP, [int(now.timestamp()), _BATCH])
        return int(cursor.rowcount)
