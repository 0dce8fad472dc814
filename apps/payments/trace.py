"""The trace of one payment: requests, events, outbox, gateway, webhooks, ledger, in order."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connection

from apps.ledger.models import EntryKey, JournalEntry
from apps.outbox.models import Event, Message
from apps.payments.models import PaymentAttempt, PaymentIntent, Refund
from apps.webhooks.models import InboundEvent

Step = dict[str, Any]

_POSTINGS = """
SELECT p.entry_id, a.code, a.owner, p.layer, p.amount, p.currency
FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id
WHERE p.entry_id = ANY (%s) ORDER BY p.entry_id, p.leg
"""

_SOURCES = ("payment_attempt", "refund")

# What happened at the same moment is told in the order of cause and effect.
_ORDER = ("request", "event", "outbox", "gateway", "ledger", "webhook")


def trace_intent(intent: PaymentIntent) -> dict[str, Any]:
    """
    Return everything the platform did for one payment, oldest first.

    Every step says `at` (ISO 8601), `kind`, `status` and a `summary` for a person; ledger steps
    carry their balanced `postings` in minor units.
    """
    attempts = list(PaymentAttempt.objects.filter(intent_id=intent.id).order_by("number"))
    refunds = list(Refund.objects.filter(intent_id=intent.id).order_by("id"))
    sources = [row.id for row in attempts] + [row.id for row in refunds]
    objects = [intent.id, *(row.charge_id for row in attempts), *(row.id for row in refunds)]
    steps = [
        *_events(objects),
        *(_gateway_step(attempt) for attempt in attempts),
        *_webhooks([row.gateway_reference for row in attempts if row.gateway_reference]),
        *_entries(sources),
    ]
    steps.sort(key=lambda step: (step["at"], _ORDER.index(step["kind"])))
    return {
        "object": "payment_trace",
        "payment_intent": intent.id,
        "status": str(intent.status),
        "data": steps,
    }


def _step(at: datetime, kind: str, status: str, summary: str, **facts: Any) -> Step:
    return {"at": at.isoformat(), "kind": kind, "status": status, "summary": summary, **facts}


def _events(objects: list[str]) -> Iterator[Step]:
    waiting = {
        message.event_id: message for message in Message.objects.filter(object_id__in=objects)
    }
    told: set[str] = set()
    for event in Event.objects.filter(object_id__in=objects).order_by("id"):
        if event.request_id and event.request_id not in told:
            told.add(event.request_id)
            summary = f"{event.request_id} by {event.actor}"
            yield _step(event.created_at, "request", "accepted", summary, id=event.request_id)
        summary = f"{event.type} ({event.object_id} #{event.sequence})"
        yield _step(event.created_at, "event", "stored", summary, id=event.id)
        yield _outbox_step(event, waiting.get(event.id))


def _outbox_step(event: Event, message: Message | None) -> Step:
    status = "sent"
    if message is not None:
        status = "dead" if message.dead_at else "pending"
    return _step(event.created_at, "outbox", status, f"{event.type} to its readers", id=event.id)


def _gateway_step(attempt: PaymentAttempt) -> Step:
    summary = f"{attempt.id} at {attempt.gateway}"
    if attempt.gateway_reference:
        summary += f" as {attempt.gateway_reference}"
    if attempt.message:
        summary += f": {attempt.message}"
    at = attempt.finished_at or attempt.created_at
    return _step(at, "gateway", str(attempt.status), summary, id=attempt.id)


def _webhooks(references: list[str]) -> Iterator[Step]:
    for event in InboundEvent.objects.filter(payment_reference__in=references).order_by("id"):
        summary = f"{event.type} from {event.gateway} ({event.event_id})"
        yield _step(event.received_at, "webhook", str(event.status), summary, id=event.event_id)


def _entries(sources: list[str]) -> Iterator[Step]:
    # By their keys, which are indexed; entries themselves are found by id only.
    keys = EntryKey.objects.filter(source_type__in=_SOURCES, source_id__in=sources)
    ids = list(keys.values_list("entry_id", flat=True))
    entries = list(JournalEntry.objects.filter(pk__in=ids).order_by("id"))
    legs: dict[str, list[dict[str, Any]]] = {entry.id: [] for entry in entries}
    with connection.cursor() as cursor:
        cursor.execute(_POSTINGS, [list(legs)])
        for entry_id, code, owner, layer, amount, currency in cursor.fetchall():
            account = f"{code}:{owner}" if owner else code
            legs[entry_id].append(
                {"account": account, "layer": layer, "amount": amount, "currency": currency}
            )
    for entry in entries:
        lines = ", ".join(
            f"{leg['account']} {leg['amount']:+d} {leg['currency']}" for leg in legs[entry.id]
        )
        yield _step(
            entry.booked_at,
            "ledger",
            "balanced",
            f"{entry.kind}: {lines}",
            id=entry.id,
            postings=legs[entry.id],
        )
