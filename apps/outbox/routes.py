"""The readers of each event, as MAP 2 (config/event_routes.py) names them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from apps.outbox.models import Event

WILDCARD = ".*"


class Handler(Protocol):
    """What reacts to an event of ours."""

    def __call__(self, event: Event, *, now: datetime) -> None:
        """React; hearing the same event twice changes nothing."""


Queue = Callable[[list[str]], None]


@cache
def handlers_of(event_type: str) -> tuple[Handler, ...]:
    """Return the handlers of a type in the order of the map."""
    return tuple(
        import_string(path)
        for pattern, paths in _handlers().items()
        if _matches(pattern, event_type)
        for path in paths
    )


@cache
def queues() -> tuple[Queue, ...]:
    """Return the queues that take every event."""
    paths: Sequence[str] = import_string(f"{settings.EVENT_ROUTES}.QUEUES")
    return tuple(import_string(path) for path in paths)


@cache
def handled_types() -> list[str]:
    """Return the types that have handlers, as patterns for LIKE ANY."""
    return [_as_like(pattern) for pattern in _handlers()]


def forget_routes() -> None:
    """Read the map anew; for tests that put other routes in its place."""
    for read in (handlers_of, queues, handled_types):
        read.cache_clear()


def _handlers() -> dict[str, Sequence[str]]:
    return dict(import_string(f"{settings.EVENT_ROUTES}.HANDLERS"))


def _matches(pattern: str, event_type: str) -> bool:
    if pattern.endswith(WILDCARD):
        return event_type.startswith(pattern.removesuffix("*"))
    return event_type == pattern


def _as_like(pattern: str) -> str:
    # The underscore of "payment_intent" would stand for any character.
    escaped = pattern.replace("_", r"\_")
    return escaped.removesuffix("*") + "%" if pattern.endswith(WILDCARD) else escaped
