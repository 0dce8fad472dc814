"""What gateways tell us, in the back-office."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString

from apps.backoffice.kit.dialogs import Dialog, Outcome, ReasonForm
from apps.backoffice.kit.display import NOTHING, Tone, chip, identifier, moment, stacked, words
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Raw, Text
from apps.common.origin import Origin
from apps.gateways.registry import gateway_names
from apps.webhooks.inbound import replay_inbound_event
from apps.webhooks.models import InboundEvent
from apps.webhooks.states import InboundStatus

_TONES = {
    InboundStatus.RECEIVED: Tone.BUSY,
    InboundStatus.PARKED: Tone.WARNING,
    InboundStatus.PROCESSED: Tone.GOOD,
    InboundStatus.DEAD: Tone.BAD,
}


class ReplayDialog(Dialog):
    """Process a dead event once more."""

    name = "replay"
    label = "Process again…"
    permission = "backoffice.replay_webhook"
    form_class = ReasonForm
    submit = "Process again"
    subject: InboundEvent

    def is_offered(self) -> bool:
        """Return whether it was given up."""
        return bool(self.subject.status == InboundStatus.DEAD)

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what it is about, and why it failed."""
        return [
            ("Gateway", self.subject.gateway),
            ("Type", self.subject.type),
            ("Tried", f"{self.subject.attempts} times"),
            ("Last error", self.subject.last_error[:200] or NOTHING),
        ]

    def look(self) -> Mapping[str, Any]:
        """Return where the event stands."""
        return InboundEvent.objects.values("status", "attempts").get(pk=self.subject.pk)

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Replay."""
        replay_inbound_event(inbound_event_id=self.subject.pk)
        return Outcome(message="It is processed again, as if it had just come in.")


@admin.register(InboundEvent)
class InboundEventAdmin(ObjectAdmin):
    """Events of gateways, as they came, and what became of them."""

    search_help_text = "Id of the event or of the payment at the gateway"
    list_defers = ("body", "headers")
    list_display = ("what", "gateway", "state", "tries", "error", "received")
    list_filter = ("status",)
    tabs = (
        ("All", ""),
        ("Waiting", "status__exact=received"),
        ("Parked", "status__exact=parked"),
        ("Dead", "status__exact=dead"),
    )
    dialogs = (ReplayDialog,)

    @admin.display(description="Event")
    def what(self, event: InboundEvent) -> SafeString:
        """Return the type, and the id at the gateway."""
        return stacked(event.type, event.event_id)

    @admin.display(description="Status")
    def state(self, event: InboundEvent) -> SafeString:
        """Return what became of it."""
        return chip(words(event.status), _TONES[InboundStatus(event.status)])

    @admin.display(description="Tried")
    def tries(self, event: InboundEvent) -> int:
        """Return how often it was tried."""
        return event.attempts

    @admin.display(description="Last error")
    def error(self, event: InboundEvent) -> str:
        """Return why it failed."""
        return event.last_error[:60] or NOTHING

    @admin.display(description="Received")
    def received(self, event: InboundEvent) -> Text:
        """Return when it came."""
        return moment(event.received_at)

    def look_up(self, term: str) -> Q | None:
        """Search by ids of the gateway; naming all gateways makes the index usable."""
        return Q(gateway__in=gateway_names(), event_id=term) | Q(payment_reference=term)

    def page(self, request: HttpRequest, obj: Any) -> Page:
        """Return one event; its body only to those who may see people."""
        raw: list[tuple[str, Any]] = [("Headers", obj.headers)]
        if request.user.has_perm("backoffice.view_pii"):
            raw.append(("Body", _readable(bytes(obj.body))))
        return Page(
            heading=obj.type,
            chips=(self.state(obj),),
            subtitle=identifier(obj.event_id),
            main=(
                Facts(
                    "What became of it",
                    [
                        ("Received", moment(obj.received_at)),
                        ("Processed", moment(obj.processed_at)),
                        ("Tried", f"{obj.attempts} times"),
                        ("Last error", obj.last_error or NOTHING),
                    ],
                ),
                Raw("As it came", raw),
            ),
            side=(
                Facts(
                    "What it says",
                    [
                        ("Gateway", obj.gateway),
                        ("Kind", words(obj.kind)),
                        ("Happened", moment(obj.occurred_at)),
                        ("Reference", identifier(obj.reference)),
                        ("Payment at the gateway", identifier(obj.payment_reference)),
                        ("Attempt", identifier(obj.attempt_id)),
                        ("Refund", identifier(obj.refund_id)),
                    ],
                ),
            ),
        )


def _readable(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
