"""Room for the demo's history in books that are kept already."""

from itertools import product

from django.db import connection, transaction
from psycopg import sql

from apps.common.demo import Demo
from apps.ledger.partitions import add_partitions

_DAYS_PER_MONTH = 28
_SNAPSHOTS = ("ledger_balancesnapshot", "ledger_snapshotcut")
_FORGET = (
    "ALTER TABLE {table} DISABLE TRIGGER {guard}",
    "DELETE FROM {table}",
    "ALTER TABLE {table} ENABLE TRIGGER {guard}",
)


def make_room(demo: Demo) -> None:
    """
    Let entries be booked in the days of the demo: add their months, and forget the snapshots.

    Nothing is booked behind a snapshot, and a platform that runs takes one in its first hour. The
    next one is taken from the beginning again. For the owner of the tables, who alone can do this.
    """
    add_partitions(now=demo.begins_at, months_ahead=demo.days // _DAYS_PER_MONTH + 1)
    with transaction.atomic(), connection.cursor() as cursor:
        for table, step in product(_SNAPSHOTS, _FORGET):
            names = {
                "table": sql.Identifier(table),
                "guard": sql.Identifier(f"{table}_append_only"),
            }
            cursor.execute(sql.SQL(step).format(**names))
