"""What reporting does about events; wired in config/event_routes.py."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx
from django.conf import settings

from apps.backoffice.kit.reader import page_of
from apps.outbox.models import Event

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 5.0
# Type of an event -> how bad it is, and what it means for who reads it.
_ALERTS: Final[Mapping[str, tuple[str, str]]] = {
    "payment_intent.conflicted": ("page", "A gateway tells another amount than was asked for."),
    "payout.failed": ("ticket", "A seller was not paid out."),
    "reconciliation.run_completed": ("ticket", "Statement and ledger differ."),
    "webhook_endpoint.disabled": ("ticket", "An endpoint does not answer and gets nothing more."),
}


def on_alert(event: Event, *, now: datetime) -> None:  # noqa: ARG001 - as all handlers
    """
    Tell Slack what a person has to look at, with a link to it; nothing without SLACK_WEBHOOK_URL.

    A message that Slack does not take is logged and gone: later events of the object must not wait
    for it, and what measures itself alerts through Prometheus anyway.
    """
    if not settings.SLACK_WEBHOOK_URL or _is_fine(event):
        return
    try:
        answer = httpx.post(
            settings.SLACK_WEBHOOK_URL, json=slack_message(event), timeout=TIMEOUT_SECONDS
        )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        # Not the exception itself: the address in it is a secret.
        logger.error("Slack did not take the alert of %s: %s", event.id, type(error).__name__)  # noqa: TRY400


def slack_message(event: Event) -> dict[str, Any]:
    """Return the message: how bad, what, in which mode, and where to look."""
    severity, meaning = _ALERTS[event.type]
    mode = "live" if event.livemode else "test"
    page = page_of(event.object_id)
    link = f"<{settings.PUBLIC_BASE_URL}{page}|{event.object_id}>" if page else event.object_id
    return {"text": f"[{severity}] {meaning} {link} ({event.type}, {mode} mode)"}


def _is_fine(event: Event) -> bool:
    """Return whether nobody has to look: a run that opened no exception, so each is told once."""
    counts = event.object.get("exceptions", {}) if isinstance(event.object, dict) else {}
    return event.type == "reconciliation.run_completed" and not counts.get("opened")
