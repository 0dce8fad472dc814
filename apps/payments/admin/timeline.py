"""The history of a payment in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext

from apps.backoffice.kit.display import Tone, identifier, link, money, words
from apps.backoffice.kit.pages import Happening, Timeline
from apps.outbox.models import Event
from apps.outbox.timeline import actor_in_words
from apps.payments.models import PaymentIntent


@dataclass(frozen=True, slots=True)
class Sentence:
    """
    What an event says, and what its colour says.

    `amount` names the minor units in the event's data that stand in the place `{amount}`; `facts`
    makes what stands in other places out of the data.
    """

    tone: Tone
    text: str
    amount: str = ""
    facts: Callable[[dict[str, Any]], Mapping[str, str]] = lambda _: {}


_SENTENCES: Mapping[str, Sentence] = {
    "created": Sentence(Tone.NEUTRAL, "Created for {amount}", "amount"),
    "updated": Sentence(
        Tone.NEUTRAL,
        "Changed: {names}",
        facts=lambda data: {"names": ", ".join(words(name).lower() for name in data)},
    ),
    "processing": Sentence(Tone.BUSY, "Confirmed, sent to the gateway"),
    "rerouted": Sentence(Tone.WARNING, "Went on at the next gateway"),
    "outcome_unknown": Sentence(
        Tone.WARNING, "The gateway did not answer: unknown, we are checking"
    ),
    "requires_action": Sentence(Tone.BUSY, "Waits for the payer at the bank's page"),
    "pending": Sentence(Tone.BUSY, "Waits for the gateway"),
    "amount_capturable_updated": Sentence(
        Tone.WARNING, "{amount} held at the gateway", "amount_capturable"
    ),
    "capture_requested": Sentence(Tone.BUSY, "Capture asked for"),
    "void_requested": Sentence(Tone.BUSY, "Release of the held money asked for"),
    "succeeded": Sentence(Tone.GOOD, "Paid: {amount} received", "amount_received"),
    "payment_failed": Sentence(
        Tone.BAD, "Failed: {why}", facts=lambda data: {"why": _failure(data["error"])}
    ),
    "canceled": Sentence(
        Tone.NEUTRAL,
        "Canceled: {why}",
        facts=lambda data: {"why": words(data["reason"] or "no reason").lower()},
    ),
    "expired": Sentence(Tone.NEUTRAL, "Expired: nobody paid in time"),
    "conflicted": Sentence(Tone.BAD, "The gateway moved another amount: a person has to look"),
    "attempt_updated": Sentence(
        Tone.NEUTRAL,
        "Attempt: {status}",
        facts=lambda data: {"status": words(data["status"]).lower()},
    ),
    "compensation_started": Sentence(
        Tone.WARNING, "A late success is given back: {amount}", "amount"
    ),
    "refund_requested": Sentence(Tone.BUSY, "Refund of {amount} asked for", "amount"),
    "refund_failed": Sentence(Tone.BAD, "Refund of {amount} ended without effect", "amount"),
    "partially_refunded": Sentence(Tone.GOOD, "{amount} refunded", "amount"),
    "refunded": Sentence(Tone.GOOD, "{amount} refunded: all of it is back", "amount"),
    "refund_returned": Sentence(Tone.BAD, "A refund came back: {amount} is ours again", "amount"),
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
        warning=""
        if is_whole
        else gettext("History incomplete: events are missing. Tell an operator."),
    )


def _tell(event: Event, currency: str) -> Happening:
    name = event.type.partition(".")[2]
    sentence = _SENTENCES.get(name, Sentence(Tone.NEUTRAL, words(name)))
    return Happening(
        at=event.created_at,
        text=_say(sentence, event.data, currency),
        actor=actor_in_words(event.actor),
        tone=sentence.tone,
        note=_about(event.data),
        request=_request_link(event),
    )


def _about(data: dict[str, Any]) -> str:
    """Return the refund or the attempt that an event is about."""
    named = data.get("refund", "") or data.get("attempt", "")
    return identifier(named) if named else ""


def _say(sentence: Sentence, data: dict[str, Any], currency: str) -> str:
    """Return the sentence in the reader's language, with what the data says in its places."""
    amount = money(data[sentence.amount], currency) if sentence.amount else ""
    return gettext(sentence.text).format(amount=amount, **sentence.facts(data))


def _request_link(event: Event) -> str:
    # What staff do has a request id too, but stands in the audit trail.
    if not (event.request_id and event.actor.startswith("api:")):
        return event.request_id
    # A search and no page: the log forgets requests earlier than the history does.
    page = reverse("admin:api_loggedrequest_changelist")
    return link(f"{page}?q={event.request_id}", event.request_id)


def _failure(error: dict[str, Any]) -> str:
    code = error.get("decline_code") or error.get("code") or "unknown"
    retry = gettext("may be tried again") if error.get("retryable") else gettext("final")
    return f"{words(code).lower()} ({retry})"
