"""Monthly partitions of entries and postings, made ahead of need."""

from datetime import UTC, datetime

from django.db import connection, transaction

from apps.common.ids import first_id

MONTHS_AHEAD = 3
MONTHS_PER_YEAR = 12


def add_partitions(*, now: datetime, months_ahead: int = MONTHS_AHEAD) -> list[str]:
    """
    Create the partitions of this month and the next ones, and return the months created.

    A month whose entries already went to the default partition stays there: its rows are guarded
    and found all the same, only not apart.
    """
    start = _month_start(now)
    return [
        f"{month:%Y_%m}"
        for month in (_add_months(start, ahead) for ahead in range(months_ahead + 1))
        if _add_partition(month)
    ]


def _add_partition(month: datetime) -> bool:
    suffix = f"{month:%Y_%m}"
    first, end = first_id("jrn", month), first_id("jrn", _add_months(month, 1))
    with transaction.atomic(), connection.cursor() as cursor:
        # Two who find the month missing at once must not both create it.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('ledger partitions'))")
        cursor.execute(
            "SELECT to_regclass('ledger_posting_' || %s) IS NOT NULL"
            " OR EXISTS (SELECT FROM ledger_journalentry_default WHERE id >= %s AND id < %s)",
            [suffix, first, end],
        )
        if cursor.fetchone()[0]:
            return False
        cursor.execute("CALL ledger_add_partition(%s, %s, %s)", [suffix, first, end])
    return True


def _month_start(moment: datetime) -> datetime:
    utc = moment.astimezone(UTC)
    return datetime(utc.year, utc.month, 1, tzinfo=UTC)


def _add_months(month: datetime, count: int) -> datetime:
    years, index = divmod(month.month - 1 + count, MONTHS_PER_YEAR)
    return month.replace(year=month.year + years, month=index + 1)
