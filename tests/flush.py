"""
Empty the tables that a test has filled and committed, before the next test.

Django's own way truncates every table, and then fills those of content types and permissions anew:
half a second for each test that commits. Here only what holds rows is emptied, and what migrating
fills stays. Tables of facts refuse to be emptied: their owner lifts the guard to do so.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from psycopg import sql

# No test changes them.
_KEPT = {"django_content_type", "auth_permission"}

# Triggers on TRUNCATE, of which there are only guards.
_GUARDS = """
SELECT tgrelid::regclass::text, tgname FROM pg_trigger
 WHERE NOT tgisinternal AND tgparentid = 0 AND tgtype & 32 <> 0
"""

# PostgreSQL truncates a table only together with all that refer to it.
_REFERRING = """
WITH RECURSIVE emptied (id) AS (
    SELECT unnest(%s::text[])::regclass::oid
    UNION
    SELECT conrelid FROM pg_constraint JOIN emptied ON confrelid = id WHERE contype = 'f'
)
SELECT relname FROM emptied JOIN pg_class ON oid = id WHERE NOT relispartition
"""


@pytest.fixture(scope="session", autouse=True)
def flush_filled_tables() -> Iterator[None]:
    truncate = DatabaseOperations.sql_flush

    def flush(self: DatabaseOperations, style: Any, tables: list[str], **options: Any) -> list[str]:
        filled = _filled(set(tables) - _KEPT)
        with connection.cursor() as cursor:
            cursor.execute(_REFERRING, [filled])
            emptied = [name for (name,) in cursor.fetchall()]
            cursor.execute(_GUARDS)
            guards = cursor.fetchall()
        return [
            *(f"ALTER TABLE {table} DISABLE TRIGGER {guard}" for table, guard in guards),
            *truncate(self, style, emptied, **options),
            *(f"ALTER TABLE {table} ENABLE TRIGGER {guard}" for table, guard in guards),
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", flush)
        patch.setattr(
            "django.core.management.commands.flush.emit_post_migrate_signal", lambda *_: None
        )
        yield


def _filled(tables: set[str]) -> list[str]:
    asked = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(name, sql.Identifier(name))
        for name in sorted(tables)
    )
    with connection.cursor() as cursor:
        cursor.execute(asked)
        return [name for (name,) in cursor.fetchall()]
