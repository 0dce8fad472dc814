"""
What one decision about billing changes, for one subscription or for thousands, written at once.

Rows are changed in memory through their own transitions; `write` then stores the events and all
rows, one statement per table whatever their number. The caller holds the locks, and the
transaction. Events come first: PostgreSQL refuses a status that changed without one.
"""

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from django.db import connection, models

from apps.common.origin import Origin
from apps.ledger.drafts import EntryDraft
from apps.ledger.services.posting import post_entries
from apps.outbox.services import EventDraft, publish
from apps.subscriptions.models.recorded import Recorded, to_json
from apps.subscriptions.selectors import Times

M = TypeVar("M", bound=models.Model)

# Rows per statement: bounds the JSON that PostgreSQL has to hold.
ROWS_PER_STATEMENT = 1000

Show = Callable[[], dict[str, Any]]


class LostRow(RuntimeError):
    """A row that was locked is not there any more: a fault of ours."""


class Unit:
    """Collects rows, events and ledger entries, then writes all of them."""

    def __init__(self, *, origin: Origin, times: Times) -> None:
        self.origin = origin
        self.now = times.now
        # The books follow the real time, also for those who live on a test clock.
        self.booked_at = times.wall
        self._events: list[EventDraft] = []
        self._events_of: dict[str, list[EventDraft]] = {}
        self._inserts: dict[type[models.Model], dict[Any, models.Model]] = {}
        self._updates: dict[type[models.Model], dict[Any, models.Model]] = {}
        self._entries: list[EntryDraft] = []

    def insert(self, *rows: models.Model) -> None:
        """Insert these rows; one without a history of its own, or one that gets its event too."""
        for row in rows:
            self._inserts.setdefault(type(row), {})[row.pk] = row

    def update(self, *rows: models.Model) -> None:
        """Write these rows as they will stand; for rows without a history of their own."""
        for row in rows:
            if row.pk not in self._inserts.get(type(row), {}):
                self._updates.setdefault(type(row), {})[row.pk] = row

    def held(self, row: M) -> M:
        """Return the unit's own instance of this row, which may have changed, or the row itself."""
        known = self._updates.get(type(row), {}).get(row.pk)
        return cast("M", known) if known is not None else row

    def record(
        self, row: Recorded, type_: str, show: Show, *, before: dict[str, Any] | None = None
    ) -> None:
        """
        Keep the fact: count the version, store what changed and how the object looks now.

        `before` is how it looked, for an event that tells its readers what was changed by hand.
        """
        changes = row.changes()
        row.version += 1
        shown = show()
        previous = None
        if before is not None:
            previous = {name: old for name, old in before.items() if shown[name] != old}
        draft = EventDraft.about(
            row,
            type_,
            shown,
            sequence=row.version,
            origin=self.origin,
            now=self.now,
            data={"changes": changes},
            previous_attributes=previous,
        )
        self._events.append(draft)
        self._events_of.setdefault(draft.object_id, []).append(draft)
        row.remember()
        self.update(row)

    def create(self, row: Recorded, type_: str, show: Show) -> None:
        """Insert the row with its first event."""
        self.insert(row)
        self.record(row, type_, show)

    def events_of(self, object_id: str) -> list[EventDraft]:
        """Return what has been recorded of this object, in its order."""
        return self._events_of.get(object_id, [])

    def book(self, entry: EntryDraft) -> None:
        """Post this entry to the ledger, last of all."""
        self._entries.append(entry)

    def write(self) -> None:
        """
        Store everything, in the caller's transaction.

        :raises IntegrityError: a law of the database forbids it
        """
        for chunk in _chunks(self._events):
            publish(*chunk)
        for model in _in_order(self._inserts):
            for chunk in _chunks(list(self._inserts[model].values())):
                _insert(model, chunk)
        for model in _in_order(self._updates):
            for chunk in _chunks(list(self._updates[model].values())):
                _update(model, chunk)
        for chunk in _chunks(self._entries):
            post_entries(chunk)


def _chunks(rows: Sequence[Any]) -> list[Sequence[Any]]:
    return [
        rows[start : start + ROWS_PER_STATEMENT]
        for start in range(0, len(rows), ROWS_PER_STATEMENT)
    ]


def _in_order(rows: dict[type[models.Model], Any]) -> list[type[models.Model]]:
    """Return lines before their invoices, whose check adds them up."""
    return sorted(rows, key=lambda model: model.__name__ != "InvoiceLine")


def _insert(model: type[models.Model], rows: Sequence[models.Model]) -> None:
    sql, _ = _statements(model)
    with connection.cursor() as cursor:
        cursor.execute(sql, [_as_json(rows)])


def _update(model: type[models.Model], rows: Sequence[models.Model]) -> None:
    _, sql = _statements(model)
    with connection.cursor() as cursor:
        cursor.execute(sql, [_as_json(rows)])
        if cursor.rowcount != len(rows):
            raise LostRow(f"{len(rows) - cursor.rowcount} of {model._meta.db_table}")


def _as_json(rows: Sequence[models.Model]) -> str:
    return json.dumps(
        [
            {name: to_json(getattr(row, attname)) for name, attname in _columns(type(row))}
            for row in rows
        ]
    )


@cache
def _columns(model: type[models.Model]) -> list[tuple[str, str]]:
    """Return the columns that are ours to write: a counter of PostgreSQL's is not."""
    return [
        (str(field.column), field.attname)
        for field in model._meta.concrete_fields
        if not isinstance(field, models.AutoField)
    ]


@cache
def _statements(model: type[models.Model]) -> tuple[str, str]:
    table = model._meta.db_table
    names = [name for name, _ in _columns(model)]
    columns = ", ".join(names)
    assignments = ", ".join(f"{name} = new.{name}" for name in names if name != "id")
    rows = f"jsonb_populate_recordset(NULL::{table}, %s::jsonb)"
    insert = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {rows}"  # noqa: S608
    update = f"UPDATE {table} old SET {assignments} FROM {rows} new WHERE old.id = new.id"  # noqa: S608
    return insert, update
