"""The request log's days: a partition each, made ahead of need and dropped when they are old."""

from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from apps.common.ids import first_id

DAYS_AHEAD: Final = 2
_PREFIX: Final = "api_loggedrequest_"
# Whoever waits for a table's lock keeps all others waiting behind him.
_LOCK_TIMEOUT: Final = "2s"
_DAY: Final = timedelta(days=1)

_OLD: Final = """
SELECT child.relname
  FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
 WHERE inhparent = 'api_loggedrequest'::regclass
   AND child.relname ~ '^api_loggedrequest_[0-9]{4}_[0-9]{2}_[0-9]{2}$'
   AND child.relname < %s
 ORDER BY child.relname
"""


def keep_request_log(*, now: datetime) -> int:
    """
    Make the next days' partitions and drop those beyond REQUEST_LOG_RETENTION_DAYS.

    Returns how many days were made or dropped; none at a second run on the same day.
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    made = sum(_add_day(today + ahead * _DAY) for ahead in range(DAYS_AHEAD + 1))
    return made + _drop_days_before(today - settings.REQUEST_LOG_RETENTION_DAYS * _DAY)


def _add_day(day: datetime) -> bool:
    name, first, end = _name_of(day), first_id("req", day), first_id("req", day + _DAY)
    with transaction.atomic(), connection.cursor() as cursor:
        # Two who find the day missing at once must not both create it.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('request log partitions'))")
        cursor.execute(
            "SELECT to_regclass(%s) IS NOT NULL"
            " OR EXISTS (SELECT FROM api_loggedrequest_default WHERE id >= %s AND id < %s)",
            [name, first, end],
        )
        if cursor.fetchone()[0]:
            return False
        cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        # A statement that defines takes no parameters; these are made of digits and letters.
        cursor.execute(
            f"CREATE TABLE {name} PARTITION OF api_loggedrequest"
            f" FOR VALUES FROM ('{first}') TO ('{end}')"
        )
    return True


def _drop_days_before(day: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_OLD, [_name_of(day)])
        names = [name for (name,) in cursor.fetchall()]
        # What came before its day had a partition.
        cursor.execute(
            "DELETE FROM api_loggedrequest_default WHERE id < %s", [first_id("req", day)]
        )
    for name in names:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
    return len(names)


def _name_of(day: datetime) -> str:
    return f"{_PREFIX}{day:%Y_%m_%d}"
