"""Fold the event history back into rows, and compare."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.common.fsm import IllegalTransition
from apps.outbox.models import Event
from apps.payments.models import PaymentIntent

# How many intents are folded at a time; keeps memory flat over any number of them.
CHUNK = 500

# Columns that no event changes: they are given when the intent is made.
_BORN_WITH = frozenset({"id", "merchant_id", "livemode", "client_secret", "order_id", "created_at"})


@dataclass(frozen=True, slots=True)
class Difference:
    """An intent whose row is not the fold of its events."""

    intent_id: str
    field: str
    stored: Any
    folded: Any


def fold(intent_id: str, events: list[Event]) -> PaymentIntent:
    """
    Replay the events, which are in order, through the intent's own transitions.

    :raises IllegalTransition: the history has a step that the state machine forbids
    """
    intent = PaymentIntent(id=intent_id)
    for event in events:
        intent.apply(event.type, event.data)
    return intent


def find_differences() -> Iterator[Difference]:
    """Compare every intent with the fold of its events."""
    last = ""
    while True:
        rows = list(PaymentIntent.objects.filter(pk__gt=last).order_by("pk")[:CHUNK])
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


def _compare(row: PaymentIntent, events: list[Event]) -> Iterator[Difference]:
    sequences = [event.sequence for event in events]
    if sequences != list(range(1, len(events) + 1)):
        yield Difference(row.pk, "events", len(events), sequences)
        return
    try:
        folded = fold(row.pk, events)
    except IllegalTransition as error:
        yield Difference(row.pk, "events", str(row.status), str(error))
        return
    for field in PaymentIntent._meta.concrete_fields:
        name = field.attname
        if name in _BORN_WITH:
            continue
        was, should = getattr(row, name), getattr(folded, name)
        if _plain(was) != _plain(should):
            yield Difference(row.pk, name, was, should)


def _plain(value: Any) -> Any:
    return value.timestamp() if isinstance(value, datetime) else value
