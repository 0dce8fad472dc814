"""What all versioned rows of billing share: they know what changed since they were read."""

from datetime import date
from decimal import Decimal
from typing import Any, Self, cast

from django.db import models

from apps.outbox.history import EventSourced


def to_json(value: Any) -> Any:
    """Return a column's value as events and SQL take it in JSON."""
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


class Recorded(EventSourced):
    """
    A row whose history is kept: the row is the sum of the changes in its events.

    `version` counts the events. Writes go through `services.unit.Unit`, which stores the changes
    and the event in one transaction.
    """

    created_at = models.DateTimeField()

    OUTSIDE_HISTORY = frozenset({"id"})

    class Meta:
        abstract = True

    def apply(self, type_: str, data: dict[str, Any]) -> None:  # noqa: ARG002 - all types alike
        """Take over the changes which an event holds, and count it."""
        for name, value in data["changes"].items():
            # Past the transitions, which decided when the fact happened: here it is only replayed.
            column = cast("models.Field[Any, Any]", self._meta.get_field(name))
            self.__dict__[name] = column.to_python(value)
        self.version += 1

    @classmethod
    def from_db(cls, *args: Any, **options: Any) -> Self:
        """Remember what was read."""
        instance = super().from_db(*args, **options)
        instance.remember()
        return instance

    def remember(self) -> None:
        """Take the values as they are now for those which the history has."""
        self._read = {name: self.__dict__.get(name) for name in _columns(type(self))}

    def changes(self) -> dict[str, Any]:
        """Return the columns which differ from what was read, ready for JSON; all of a new row."""
        read: dict[str, Any] = getattr(self, "_read", {})
        missing = object()
        return {
            name: to_json(value)
            for name in _columns(type(self))
            if (value := getattr(self, name)) != read.get(name, missing) and name != "version"
        }


_COLUMNS: dict[type[models.Model], tuple[str, ...]] = {}


def _columns(model: type[models.Model]) -> tuple[str, ...]:
    if model not in _COLUMNS:
        _COLUMNS[model] = tuple(field.attname for field in model._meta.concrete_fields)
    return _COLUMNS[model]
