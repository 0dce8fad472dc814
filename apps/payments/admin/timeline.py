"""The history of a payment in words."""

from collections.abc import Callable, Sequence
from typing import Any

from django.urls import reverse

from apps.backoffice.kit.display import Tone, link, money, words
from apps.backoffice.kit.pages import Happening, Timeline
from apps.outbox.models import Event
from apps.outbox.timeline import actor_in_words
from apps.payments.models import PaymentIntent

# What an event says, and what its colour says; `amount` makes money out of minor units.
Sentence = Callable[[dict[str, Any], Callable[[int], str]], str]

_SENTENCES: dict[str, tuple[Tone, Sentence]] = {
    "created": (Tone.NEUTRAL, lambda data, amount: f"Created for {amount(data['amount'])}"),
    "updated": (
        Tone.NEUTRAL,
        lambda data, _: f"Changed: {', '.join(words(name).lower() for name in data)}",
    ),
    "processing": (Tone.BUSY, lambda _, __: "Confirmed, sent to the gateway"),
    "rerouted": (Tone.WARNING, lambda _, __: "Went on at the next gateway"),
    "outcome_unknown": (
        Tone.WARNING,
        lambda _, __: "The gateway did not answer: unknown, we are checking",
    ),
    "requires_action": (Tone.BUSY, lambda _, __: "Waits for the payer at the bank's page"),
    "pending": (Tone.BUSY, lambda _, __: "Waits for the gateway"),
    "amount_capturable_updated": (
        Tone.WARNING,
        lambda data, amount: f"{amount(data['amount_capturable'])} held at the gateway",
    ),
    "capture_requested": (Tone.BUSY, lambda _, __: "Capture asked for"),
    "void_requested": (Tone.BUSY, lambda _, __: "Release of the held money asked for"),
    "succeeded": (
        Tone.GOOD,
        lambda data, amount: f"Paid: {amount(data['amount_received'])} received",
    ),
    "payment_failed": (Tone.BAD, lambda data, _: f"Failed: {_failure(data['error'])}"),
    "canceled": (
        Tone.NEUTRAL,
        lambda data, _: f"Canceled: {words(data['reason'] or 'no reason').lower()}",
    ),
    "expired": (Tone.NEUTRAL, lambda _, __: "Expired: nobody paid in time"),
    "conflicted": (
        Tone.BAD,
        lambda _, __: "The gateway moved another amount: a person has to look",
    ),
    "attempt_updated": (Tone.NEUTRAL, lambda data, _: f"Attempt is {data['status']}"),
    "compensation_started": (
        Tone.WARNING,
        lambda data, amount: f"A late success is given back: {amount(data['amount'])}",
    ),
    "refund_requested": (
        Tone.BUSY,
        lambda data, amount: f"Refund of {amount(data['amount'])} asked for",
    ),
    "refund_failed": (
        Tone.BAD,
        lambda data, amount: f"Refund of {amount(data['amount'])} ended without effect",
    ),
    "partially_refunded": (
        Tone.GOOD,
        lambda data, amount: f"{amount(data['amount'])} refunded",
    ),
    "refunded": (
        Tone.GOOD,
        lambda data, amount: f"{amount(data['amount'])} refunded: all of it is back",
    ),
    "refund_returned": (
        Tone.BAD,
        lambda data, amount: f"A refund came back: {amount(data['amount'])} is ours again",
    ),
}


def payment_timeline(intent: PaymentIntent, events: Sequence[Event]) -> Timeline:
    """Return what happened to the payment, newest first; a gap in its history is an alarm."""
    own = sorted(
        (event for event in events if event.object_id == intent.id),
        key=lambda event: event.sequence,
    )
    is_whole = [event.sequence for event in own] == list(range(1, intent.version + 1))
    return Timeline(
        title="Timeline",
        happenings=[_tell(event, intent.currency) for event in reversed(own)],
        warning="" if is_whole else "History incomplete: events are missing. Tell an operator.",
    )


def _tell(event: Event, currency: str) -> Happening:
    name = event.type.partition(".")[2]
    tone, sentence = _SENTENCES.get(name, (Tone.NEUTRAL, lambda _, __: words(name)))
    return Happening(
        at=event.created_at,
        text=sentence(event.data, lambda minor: money(minor, currency)),
        actor=actor_in_words(event.actor),
        tone=tone,
        note=event.data.get("refund", "") or event.data.get("attempt", ""),
        request=_request_link(event),
    )


def _request_link(event: Event) -> str:
    # What staff do has a request id too, but stands in the audit trail.
    if not (event.request_id and event.actor.startswith("api:")):
        return event.request_id
    # A search and no page: the log forgets requests earlier than the history does.
    page = reverse("admin:api_loggedrequest_changelist")
    return link(f"{page}?q={event.request_id}", event.request_id)


def _failure(error: dict[str, Any]) -> str:
    code = error.get("decline_code") or error.get("code") or "unknown"
    retry = "may be tried again" if error.get("retryable") else "final"
    return f"{words(code).lower()} ({retry})"
