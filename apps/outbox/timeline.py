"""The history of any object in words, for its page in the back-office."""

from typing import Final

from apps.backoffice.kit.display import words
from apps.backoffice.kit.pages import Happening, Timeline
from apps.outbox.models import Event

# The latest of them: bounds the page.
MAX_EVENTS: Final = 100


def timeline_of(object_id: str) -> Timeline:
    """Return what has happened to an object, newest first."""
    events = Event.objects.filter(object_id=object_id).order_by("-sequence")[:MAX_EVENTS]
    return Timeline(
        "Timeline",
        [
            Happening(
                at=event.created_at,
                text=words(event.type.rpartition(".")[2]),
                actor=actor_in_words(event.actor),
            )
            for event in events
        ],
    )


def actor_in_words(actor: str) -> str:
    """Return who that was, as a person says it."""
    kind, _, name = actor.partition(":")
    if kind == "staff":
        return name
    return {"api": f"API key {name}", "gateway": f"Gateway {name}", "clock": "By the clock"}.get(
        kind, actor
    )
