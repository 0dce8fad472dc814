"""The trace of one payment: request, events, outbox, gateway calls, webhooks, ledger."""

from typing import Any

from django.db import connection

from apps.ledger.models import JournalEntry
from apps.outbox.models import Event, Message
from apps.payments.models import PaymentAttempt, PaymentIntent, Refund
from apps.payments.objects import render_attempt, render_intent, render_refund

_POSTINGS = """
SELECT p.entry_id, a.code, a.owner, p.layer, p.amount, p.currency
FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id
WHERE p.entry_id = ANY (%s) ORDER BY p.entry_id, p.leg
"""

_WEBHOOKS = """
SELECT event_id, type, status, received_at, processed_at FROM webhooks_inboundevent
WHERE payment_reference = ANY (%s) ORDER BY received_at
"""


def trace_intent(intent: PaymentIntent) -> dict[str, Any]:
    """Return everything the platform did for one payment, in the order it happened."""
    attempts = list(PaymentAttempt.objects.filter(intent_id=intent.id).order_by("number"))
    refunds = list(Refund.objects.filter(intent_id=intent.id).order_by("id"))
    sources = [row.id for row in attempts] + [row.id for row in refunds]
    objects = [intent.id, *(row.charge_id for row in attempts), *(row.id for row in refunds)]
    events = list(Event.objects.filter(object_id__in=objects).order_by("id"))
    return {
        "object": "payment_trace",
        "payment_intent": render_intent(intent),
        "requests": sorted({event.request_id for event in events if event.request_id}),
        "events": [
            {
                "id": event.id,
                "type": event.type,
                "object_id": event.object_id,
                "sequence": event.sequence,
                "actor": event.actor,
                "created": event.created_at.isoformat(),
            }
            for event in events
        ],
        "outbox": {"pending": Message.objects.filter(object_id__in=objects).count()},
        "attempts": [render_attempt(row) for row in attempts],
        "refunds": [render_refund(row) for row in refunds],
        "webhooks": _webhooks([row.gateway_reference for row in attempts]),
        "ledger": _entries(sources),
    }


def _webhooks(references: list[str]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(_WEBHOOKS, [[reference for reference in references if reference]])
        return [
            {
                "id": row[0],
                "type": row[1],
                "status": row[2],
                "received": row[3].isoformat(),
                "processed": row[4].isoformat() if row[4] else None,
            }
            for row in cursor.fetchall()
        ]


def _entries(sources: list[str]) -> list[dict[str, Any]]:
    entries = list(JournalEntry.objects.filter(source_id__in=sources).order_by("id"))
    legs: dict[str, list[dict[str, Any]]] = {entry.id: [] for entry in entries}
    with connection.cursor() as cursor:
        cursor.execute(_POSTINGS, [[entry.id for entry in entries]])
        for entry_id, code, owner, layer, amount, currency in cursor.fetchall():
            legs[entry_id].append(
                {
                    "account": f"{code}:{owner}" if owner else code,
                    "layer": layer,
                    "amount": amount,
                    "currency": currency.lower(),
                }
            )
    return [
        {"id": entry.id, "kind": entry.kind, "source": entry.source_id, "postings": legs[entry.id]}
        for entry in entries
    ]
