"""SQL that several migrations need, and the fast way to load one row."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connection, models

M = TypeVar("M", bound=models.Model)


def append_only(table: str) -> str:
    """
    Return the SQL which makes PostgreSQL refuse UPDATE, DELETE and TRUNCATE on `table`.

    The migration which runs it depends on `("common", "0001_refuse_change")`. It is one statement,
    because a connection that prepares its statements takes no more than one at a time.
    """
    return (
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def drop_append_only(table: str) -> str:
    """Return the SQL which takes back `append_only(table)`."""
    return f"DROP TRIGGER {table}_append_only ON {table}"


def allow_erasure(table: str, *emptied: str) -> tuple[str, ...]:
    """
    Return the SQL which lets an append-only table lose a person, and nothing else.

    It changes what `append_only(table)` has set up; see `erasure_only` for the rest.
    """
    return (
        drop_append_only(table),
        f"CREATE TRIGGER {table}_append_only BEFORE DELETE OR TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
        erasure_only(table, *emptied),
    )


def erasure_only(table: str, *emptied: str) -> str:
    """
    Return the SQL which makes PostgreSQL refuse every UPDATE on `table` that is no erasure.

    `emptied` names columns that may become empty beside those of `common_without_person`. The
    migration which runs it depends on `("common", "0002_erasure")`.
    """
    columns = ", ".join(f"'{column}'" for column in emptied)
    return (
        f"CREATE TRIGGER {table}_erasure_only BEFORE UPDATE ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION common_refuse_all_but_erasure({columns})"
    )


def disallow_erasure(table: str) -> tuple[str, ...]:
    """Return the SQL which takes back `allow_erasure(table)`."""
    return (
        f"DROP TRIGGER {table}_erasure_only ON {table}",
        drop_append_only(table),
        append_only(table),
    )


def drop_like_indexes(*tables: str) -> str:
    """
    Return the SQL which drops the indexes that Django adds to text keys for LIKE.

    Ids are looked up whole, never by a beginning, and each insert would pay for these indexes.
    """
    names = ", ".join(f"'{table}'" for table in tables)
    return f"""
DO $$
DECLARE
    found text;
BEGIN
    FOR found IN SELECT indexname FROM pg_indexes
                  WHERE schemaname = current_schema() AND tablename IN ({names})
                    AND indexname LIKE '%\\_like'
    LOOP
        EXECUTE format('DROP INDEX %I', found);
    END LOOP;
END $$;
"""  # noqa: S608 - table names of migrations


@contextmanager
def planned_for_values() -> Iterator[None]:
    """
    Let PostgreSQL plan each statement for the values that it is given.

    A prepared statement gets one plan for all values after five uses. For the filter of a list that
    plan reads the table from its end, which is right for a status that most rows have, and takes
    seconds for one that hardly any has.
    """
    connection.ensure_connection()
    session: Any = connection.connection
    threshold, session.prepare_threshold = session.prepare_threshold, None
    try:
        yield
    finally:
        session.prepare_threshold = threshold


class RowLoader:
    """
    Load rows of one model with a prepared statement, without the ORM's compiler.

    The compiler is most of what a hot read costs in Django (docs/architecture.md, "Speed"); the
    statement is built once from the model's own columns, so a new column needs no change here.
    """

    def __init__(self, model: type[M], where: str) -> None:
        self._model = model
        self._where = where
        self._sql = ""
        self._names: list[str] = []
        self._converters: list[tuple[int, Any]] = []

    def __call__(self, *params: Any) -> Any | None:
        """Return the instance, or None when no row matches."""
        if not self._sql:
            self._prepare()
        with connection.cursor() as cursor:
            cursor.execute(self._sql, params)
            row = cursor.fetchone()
        return None if row is None else self.build(row)

    def build(self, row: Any) -> Any:
        """Return the model instance of one row."""
        values = list(row)
        for place, convert in self._converters:
            values[place] = convert(values[place])
        return self._model.from_db("default", self._names, values)

    def _prepare(self) -> None:
        fields = self._model._meta.concrete_fields
        table = self._model._meta.db_table
        columns = ", ".join(f'"{table}"."{field.column}"' for field in fields)
        self._names = [field.attname for field in fields]
        for place, field in enumerate(fields):
            for converter in field.get_db_converters(connection):
                self._converters.append((place, _bound(converter, field)))
        self._sql = f'SELECT {columns} FROM "{table}" WHERE {self._where}'  # noqa: S608


def _bound(converter: Any, field: Any) -> Any:
    expression = models.F(field.attname)
    expression.output_field = field  # type: ignore[attr-defined]
    return lambda value: converter(value, expression, connection)
