"""Rows that are the fold of their events: how to fold them again, and how to compare."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from django.apps import apps
from django.db import models
from django.db.models import QuerySet

from apps.common.fsm import IllegalTransition, StatefulModel
from apps.outbox.models import Event

# How many rows are folded at a time; keeps memory flat over any number of them.
CHUNK = 500


class EventSourced(StatefulModel):
    """
    A row that is the fold of its events; `version` counts them.

    `ARROWS` names, for each event type, the method to which the event's `data` is given: when the
    fact happens, and again when the history is replayed. `OUTSIDE_HISTORY` names the columns of
    which the history knows nothing: identity, and what only drives jobs.
    """

    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    version = models.PositiveIntegerField(default=0)

    ARROWS: ClassVar[dict[str, Callable[..., None]]]
    OUTSIDE_HISTORY: ClassVar[frozenset[str]]

    class Meta:
        abstract = True

    def apply(self, type_: str, data: dict[str, Any]) -> None:
        """Take the step which an event of this type stands for, and count it."""
        self.ARROWS[type_](self, **data)
        self.version += 1


R = TypeVar("R", bound=EventSourced)


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not the fold of its events."""

    object_id: str
    field: str
    stored: Any
    folded: Any


def event_sourced_models() -> list[type[EventSourced]]:
    """Return every model of the platform that is the fold of its events."""
    return [model for model in apps.get_models() if issubclass(model, EventSourced)]


def fold(model: type[R], object_id: str, events: list[Event]) -> R:
    """
    Replay the events, which are in order, through the model's own transitions.

    :raises IllegalTransition: the history has a step that the state machine forbids
    """
    row = model(pk=object_id)
    for event in events:
        row.apply(event.type, event.data)
    return row


def find_differences() -> Iterator[Difference]:
    """Compare every row of the platform that has a history with the fold of its events."""
    for model in event_sourced_models():
        yield from differences_of(model)


def differences_of(model: type[EventSourced]) -> Iterator[Difference]:
    """Compare every row of `model` with the fold of its events."""
    last = ""
    while True:
        following = QuerySet[EventSourced](model).filter(pk__gt=last).order_by("pk")
        rows = list(following[:CHUNK])
        if not rows:
            return
        last = rows[-1].pk
        events: dict[str, list[Event]] = {row.pk: [] for row in rows}
        stored = Event.objects.filter(object_id__in=list(events)).only(
            "object_id", "sequence", "type", "data"
        )
        for event in stored.order_by("object_id", "sequence"):
            events[event.object_id].append(event)
        for row in rows:
            yield from _compare(row, events[row.pk])


def _compare(row: EventSourced, events: list[Event]) -> Iterator[Difference]:
    sequences = [event.sequence for event in events]
    if sequences != list(range(1, len(events) + 1)):
        yield Difference(row.pk, "events", len(events), sequences)
        return
    try:
        folded = fold(type(row), row.pk, events)
    except IllegalTransition as error:
        yield Difference(row.pk, "events", row.version, str(error))
        return
    for field in row._meta.concrete_fields:
        if field.attname in row.OUTSIDE_HISTORY:
            continue
        was = getattr(row, field.attname)
        should = field.to_python(getattr(folded, field.attname))
        if was != should:
            yield Difference(row.pk, field.attname, was, should)
