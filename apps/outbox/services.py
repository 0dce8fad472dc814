"""Write facts into the event store and its queue, in the caller's transaction."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from django.db import connection
from django.db.models.functions import Now

from apps.common.ids import new_id
from apps.common.json_text import to_text
from apps.common.origin import Origin
from apps.outbox.history import EventSourced
from apps.outbox.models import Message

R = TypeVar("R", bound=EventSourced)


class Owned(Protocol):
    """A row of a merchant."""

    pk: Any
    merchant_id: Any
    livemode: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class EventDraft:
    """
    An event about to be stored.

    `sequence` is the version which the object's row has after this event; `data` holds the facts
    the row is folded from; `object` is the object as the API shows it, in the platform's own
    dialect.
    """

    merchant_id: str
    livemode: bool
    type: str
    object_id: str
    sequence: int
    object: dict[str, Any]
    actor: str
    created_at: datetime
    data: dict[str, Any] = field(default_factory=dict)
    previous_attributes: dict[str, Any] | None = None
    request_id: str = ""
    idempotency_key: str = ""

    @classmethod
    def about(
        cls,
        row: Owned,
        type_: str,
        shown: dict[str, Any],
        *,
        sequence: int,
        origin: Origin,
        now: datetime,
        data: dict[str, Any] | None = None,
        previous_attributes: dict[str, Any] | None = None,
    ) -> "EventDraft":
        """Draft what happens to `row`, which the API shows as `shown` after it."""
        return cls(
            merchant_id=row.merchant_id,
            livemode=row.livemode,
            type=type_,
            object_id=row.pk,
            sequence=sequence,
            object=shown,
            data=data or {},
            previous_attributes=previous_attributes,
            actor=origin.actor,
            request_id=origin.request_id,
            idempotency_key=origin.idempotency_key,
            created_at=now,
        )

    def row(self) -> dict[str, Any]:
        """Return the columns of the event's row, ready for JSON."""
        return {
            "id": new_id("evt"),
            "merchant_id": self.merchant_id,
            "livemode": self.livemode,
            "type": self.type,
            "object_id": self.object_id,
            "sequence": self.sequence,
            "data": self.data,
            "object": self.object,
            "previous_attributes": self.previous_attributes,
            "actor": self.actor,
            "request_id": self.request_id,
            "idempotency_key": self.idempotency_key,
            "created_at": self.created_at.isoformat(),
        }


def publish(*drafts: EventDraft) -> None:
    """
    Store the events and queue them for their readers, in the caller's transaction.

    Services off the hot path call this; the hot path hands the same rows to its own SQL function,
    which calls `outbox_publish` too.

    :raises IntegrityError: the object already has an event with this sequence: another writer was
        faster, and the caller did not hold the object's lock
    """
    rows = to_text([draft.row() for draft in drafts])
    with connection.cursor() as cursor:
        cursor.execute("SELECT outbox_publish(%s::jsonb)", [rows])


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment(ABC, Generic[R]):
    """Who changes rows, and when; the caller holds the rows' locks."""

    origin: Origin
    now: datetime

    @abstractmethod
    def show(self, row: R) -> dict[str, Any]:
        """Return the row as the API shows it."""

    def happen(self, row: R, type_: str, **data: Any) -> None:
        """Move the row and keep the event; the caller saves the row."""
        row.apply(type_, data)
        publish(
            EventDraft.about(
                row,
                type_,
                self.show(row),
                sequence=row.version,
                origin=self.origin,
                now=self.now,
                data=data,
            )
        )


_PUBLISH_SELECTED = """
WITH stored AS (
    INSERT INTO outbox_event (id, merchant_id, livemode, type, object_id, sequence, data, object,
                              previous_attributes, actor, request_id, idempotency_key, created_at)
    {select}
    RETURNING id, object_id, type, sequence)
INSERT INTO outbox_message (event_id, object_id, type, available_at, attempts, last_error)
SELECT id, object_id, type, statement_timestamp(), 0, '' FROM stored ORDER BY sequence
"""


def publish_selected(select: str, parameters: Sequence[Any]) -> None:
    """
    Store the events that a SELECT makes, and queue them, in the caller's transaction.

    For jobs which write events by the thousand: PostgreSQL builds them from what it has, and no
    object travels. The SELECT is the program's own text; it returns, in this order: id,
    merchant_id, livemode, type, object_id, sequence, data, object, previous_attributes, actor,
    request_id, idempotency_key, created_at.

    :raises IntegrityError: as for `publish`
    """
    with connection.cursor() as cursor:
        cursor.execute(_PUBLISH_SELECTED.format(select=select), parameters)


def replay_dead_letter(*, message_id: int) -> bool:
    """
    Put a dead letter back into its queue, as if it had never been tried.

    Events of the same object that came after it have been relayed meanwhile: handlers compare
    the `sequence`, or read the object. Returns False when it is no dead letter any more.
    """
    revived = Message.objects.filter(pk=message_id, dead_at__isnull=False).update(
        dead_at=None, attempts=0, available_at=Now()
    )
    return revived == 1


def discard_dead_letter(*, message_id: int) -> bool:
    """
    Give a dead letter up for good; its event stays in the event store.

    Returns False when it is no dead letter any more.
    """
    discarded, _ = Message.objects.filter(pk=message_id, dead_at__isnull=False).delete()
    return discarded == 1
