"""Fold the event history of payouts back into rows, and compare."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from apps.common.fsm import IllegalTransition
from apps.outbox.models import Event
from apps.payouts.models import Payout

# How many payouts are folded at a time; keeps memory flat over any number of them.
CHUNK = 500

# Identity, and what only drives the sending.
_OUTSIDE = frozenset(
    {"id", "merchant_id", "livemode", "seller_id", "created_at", "sent_at", "due_at", "checks"}
)


@dataclass(frozen=True, slots=True)
class PayoutDifference:
    """A payout whose row is not the fold of its events."""

    payout_id: str
    field: str
    stored: Any
    folded: Any


def fold_payout(payout_id: str, events: list[Event]) -> Payout:
    """
    Replay the events, which are in order, through the payout's own transitions.

    :raises IllegalTransition: the history has a step that the state machine forbids
    """
    payout = Payout(id=payout_id)
    for event in events:
        payout.apply(event.type, event.data)
    return payout


def find_differences() -> Iterator[PayoutDifference]:
    """Compare every payout with the fold of its events."""
    last = ""
    while True:
        rows = list(Payout.objects.filter(pk__gt=last).order_by("pk")[:CHUNK])
        if not rows:
            return
        last = rows[-1].pk
        events: dict[str, list[Event]] = {row.pk: [] for row in rows}
        stored = Event.objects.filter(object_id__in=list(events))
        for event in stored.order_by("object_id", "sequence"):
            events[event.object_id].append(event)
        for row in rows:
            yield from _compare(row, events[row.pk])


def _compare(row: Payout, events: list[Event]) -> Iterator[PayoutDifference]:
    sequences = [event.sequence for event in events]
    if sequences != list(range(1, len(events) + 1)):
        yield PayoutDifference(row.pk, "events", len(events), sequences)
        return
    try:
        folded = fold_payout(row.pk, events)
    except IllegalTransition as error:
        yield PayoutDifference(row.pk, "events", str(row.status), str(error))
        return
    for field in Payout._meta.concrete_fields:
        name = field.attname
        was, should = getattr(row, name), getattr(folded, name)
        if name not in _OUTSIDE and _plain(was) != _plain(should):
            yield PayoutDifference(row.pk, name, was, should)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
