"""Empty append-only tables between tests that commit: their owner lifts the guard to do so."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations

# Triggers on TRUNCATE, of which there are only guards.
_GUARDS = """
SELECT tgrelid::regclass::text, tgname FROM pg_trigger
 WHERE NOT tgisinternal AND tgparentid = 0 AND tgtype & 32 <> 0
"""


@pytest.fixture(scope="session", autouse=True)
def flush_append_only_tables() -> Iterator[None]:
    truncate = DatabaseOperations.sql_flush

    def flush(self: DatabaseOperations, *args: Any, **options: Any) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(_GUARDS)
            guards = cursor.fetchall()
        return [
            *(f"ALTER TABLE {table} DISABLE TRIGGER {guard}" for table, guard in guards),
            *truncate(self, *args, **options),
            *(f"ALTER TABLE {table} ENABLE TRIGGER {guard}" for table, guard in guards),
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", flush)
        yield
