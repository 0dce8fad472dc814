"""Events, and the queue in which they wait for their readers, in the back-office."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.backoffice.kit.dialogs import Dialog, Outcome, ReasonForm
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    identifier,
    link,
    moment,
    stacked,
)
from apps.backoffice.kit.filters import created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Raw, Text
from apps.common.origin import Origin
from apps.outbox.models import Event, Message
from apps.outbox.services import discard_dead_letter, replay_dead_letter


@admin.register(Event)
class EventAdmin(ObjectAdmin):
    """The event store: every fact about every object."""

    search_help_text = "Id of the event or of its object"
    list_defers = ("object", "data", "previous_attributes")
    list_display = ("what", "about", "number", "who", "at")
    list_filter = ("livemode", created_filter("evt"))

    @admin.display(description="Event")
    def what(self, event: Event) -> SafeString:
        """Return type and id."""
        return stacked(event.type, event.id)

    @admin.display(description="Object")
    def about(self, event: Event) -> SafeString:
        """Return the object's id."""
        return format_html("<code>{}</code>", event.object_id)

    @admin.display(description="#")
    def number(self, event: Event) -> int:
        """Return the place in the object's history."""
        return event.sequence

    @admin.display(description="Caused by")
    def who(self, event: Event) -> str:
        """Return who caused it."""
        return event.actor

    @admin.display(description="When")
    def at(self, event: Event) -> Text:
        """Return when it happened."""
        return moment(event.created_at)

    def look_up(self, term: str) -> Q | None:
        """Search by the event's id or its object's."""
        return Q(pk=term) if term.startswith("evt_") else Q(object_id=term)

    def page(self, request: HttpRequest, obj: Any) -> Page:
        """Return one fact; the frozen object only to those who may see people."""
        raw: list[tuple[str, Any]] = [("Facts", obj.data)]
        if request.user.has_perm("backoffice.view_pii"):
            raw.append(("Object as it was", obj.object))
        return Page(
            heading=obj.type,
            chips=(chip(f"#{obj.sequence}"),),
            subtitle=identifier(obj.id),
            main=(
                Facts(
                    "Details",
                    [
                        ("Object", identifier(obj.object_id)),
                        ("Caused by", obj.actor),
                        ("When", moment(obj.created_at)),
                        ("Request", identifier(obj.request_id)),
                        ("Idempotency key", identifier(obj.idempotency_key)),
                    ],
                ),
                Raw("Data", raw),
            ),
        )


class _DeadLetterDialog(Dialog):
    subject: Message
    form_class = ReasonForm

    def is_offered(self) -> bool:
        """Return whether the message was given up."""
        return self.subject.dead_at is not None

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what it was about, and why it failed."""
        return [
            ("Event", self.subject.type),
            ("Object", self.subject.object_id),
            ("Tried", f"{self.subject.attempts} times"),
            ("Last error", self.subject.last_error[:200] or NOTHING),
        ]

    def look(self) -> Mapping[str, Any]:
        """Return where the message stands; nothing when it has left."""
        row = Message.objects.filter(pk=self.subject.pk).first()
        return {} if row is None else {"attempts": row.attempts, "is_dead": row.dead_at is not None}


class ReplayDialog(_DeadLetterDialog):
    """Send a dead letter again."""

    name = "replay"
    label = "Send again…"
    permission = "backoffice.replay_message"
    submit = "Send again"

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Replay."""
        if replay_dead_letter(message_id=self.subject.pk):
            return Outcome(message="It is back in its queue.")
        return Outcome(message="It is no dead letter any more.", succeeded=False)


class DiscardDialog(_DeadLetterDialog):
    """Give a dead letter up."""

    name = "discard"
    label = "Discard…"
    permission = "backoffice.discard_message"
    submit = "Discard for good"
    is_dangerous = True

    def explanation(self) -> str:
        """Say what stays."""
        return "Its readers will never get it. The event itself stays in the event store."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Discard."""
        if discard_dead_letter(message_id=self.subject.pk):
            return Outcome(message="It is discarded.", is_gone=True)
        return Outcome(message="It is no dead letter any more.", succeeded=False)


@admin.register(Message)
class MessageAdmin(ObjectAdmin):
    """Events on their way; an empty list is a good day."""

    search_help_text = "Id of the object"
    list_display = ("what", "state", "tries", "error", "due")
    tabs = (("All", ""), ("Dead letters", "dead_at__isnull=False"))
    dialogs = (ReplayDialog, DiscardDialog)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Let the tab ask for dead letters."""
        return lookup == "dead_at__isnull" or bool(super().lookup_allowed(lookup, value, request))

    @admin.display(description="Event")
    def what(self, message: Message) -> SafeString:
        """Return type and object."""
        return stacked(message.type, message.object_id)

    @admin.display(description="State")
    def state(self, message: Message) -> SafeString:
        """Return whether it waits, is retried, or was given up."""
        return message_chip(message)

    @admin.display(description="Tried")
    def tries(self, message: Message) -> int:
        """Return how often it was tried."""
        return message.attempts

    @admin.display(description="Last error")
    def error(self, message: Message) -> str:
        """Return why it failed."""
        return message.last_error[:80] or NOTHING

    @admin.display(description="Due")
    def due(self, message: Message) -> Text:
        """Return when it is tried next."""
        return moment(message.dead_at or message.available_at)

    def look_up(self, term: str) -> Q | None:
        """Search by the object's id."""
        return Q(object_id=term)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return one message."""
        event = link(reverse("admin:outbox_event_change", args=[obj.event_id]), obj.event_id)
        return Page(
            heading=obj.type,
            chips=(message_chip(obj),),
            subtitle=identifier(obj.object_id),
            main=(
                Facts(
                    "Details",
                    [
                        ("Event", event),
                        ("Tried", f"{obj.attempts} times"),
                        ("Due", moment(obj.available_at)),
                        ("Given up", moment(obj.dead_at)),
                        ("Last error", obj.last_error or NOTHING),
                    ],
                ),
            ),
        )


def message_chip(message: Message) -> SafeString:
    """Return whether it waits, is retried, or was given up."""
    if message.dead_at is not None:
        return chip("Dead letter", Tone.BAD)
    return chip("Retrying", Tone.WARNING) if message.attempts else chip("Waiting", Tone.BUSY)
