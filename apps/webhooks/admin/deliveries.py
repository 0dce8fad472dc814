"""Events on their way to merchants, try by try."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
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
    words,
)
from apps.backoffice.kit.filters import created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Table, Text
from apps.backoffice.kit.picks import PicksForm
from apps.common.origin import Origin, scope_of
from apps.webhooks.admin.filters import AnswerFilter, TypeFilter
from apps.webhooks.models import Delivery
from apps.webhooks.services.deliveries import resend_deliveries, resend_event
from apps.webhooks.states import SETTLED, DeliveryStatus

# A schedule has ten tries; an event that was resent has more.
TRIES_SHOWN = 50

_TONES = {
    DeliveryStatus.PENDING: Tone.BUSY,
    DeliveryStatus.SUCCEEDED: Tone.GOOD,
    DeliveryStatus.FAILED: Tone.BAD,
    DeliveryStatus.CANCELED: Tone.NEUTRAL,
}


class SeveralForm(PicksForm):
    """Which deliveries, and why."""

    model = Delivery

    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept in the audit trail.",
    )


class ResendSeveralDialog(Dialog):
    """Send several deliveries again."""

    name = "resend-several"
    label = "Send several again…"
    permission = "backoffice.replay_webhook"
    form_class = SeveralForm
    submit = "Send again"
    takes_picks = True

    def initial(self) -> Mapping[str, Any]:
        """Begin with what was ticked in the list."""
        return {"cases": "\n".join(self.place.picks)}

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Send them; one that cannot be sent stops no other."""
        del origin
        sent, refused = resend_deliveries(ids=answers["cases"], now=now)
        if not refused:
            return Outcome(message="On their way again: {count}.", facts={"count": sent})
        return Outcome(
            message="On their way again: {count}. Refused: {refused} ({why})",
            facts={"count": sent, "refused": len(refused), "why": refused[0].message},
            succeeded=sent > 0,
        )


class ResendDialog(Dialog):
    """Send an event to its endpoint again."""

    name = "resend"
    label = "Send again…"
    permission = "backoffice.replay_webhook"
    form_class = ReasonForm
    submit = "Send again"
    subject: Delivery

    def is_offered(self) -> bool:
        """Return whether it is not under way anyhow."""
        return self.subject.status in SETTLED

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what goes where."""
        return [
            ("Event", self.subject.event_id),
            ("To", self.subject.endpoint.url),
            ("Last answer", answer_of(self.subject)),
        ]

    def look(self) -> Mapping[str, Any]:
        """Return where the delivery stands."""
        return Delivery.objects.values("status", "attempts").get(pk=self.subject.pk)

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Resend."""
        resend_event(
            scope=scope_of(self.subject),
            event_id=self.subject.event_id,
            endpoint_id=self.subject.endpoint_id,
            now=now,
        )
        return Outcome(message="It is on its way again.")


@admin.register(Delivery)
class DeliveryAdmin(ObjectAdmin):
    """One event for one endpoint."""

    search_help_text = "Id of the delivery, the event or the endpoint"
    list_display = ("what", "target", "state", "tries", "last", "due")
    list_filter = ("status", TypeFilter, AnswerFilter, "livemode", created_filter("wd"))
    tabs = (
        ("All", ""),
        ("Pending", "status__exact=pending"),
        ("Failed", "status__exact=failed"),
    )
    dialogs = (ResendDialog,)
    list_dialogs = (ResendSeveralDialog,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Return deliveries with event and endpoint, without what the list does not show."""
        return (
            super()
            .get_queryset(request)
            .select_related("event", "endpoint")
            .only(
                *(field.name for field in Delivery._meta.concrete_fields),
                "event__type",
                "endpoint__url",
            )
        )

    @admin.display(description="Event")
    def what(self, delivery: Delivery) -> SafeString:
        """Return the event's type and id."""
        return stacked(delivery.event.type, delivery.event_id)

    @admin.display(description="Endpoint")
    def target(self, delivery: Delivery) -> str:
        """Return where it goes."""
        return delivery.endpoint.url[:60]

    @admin.display(description="Status")
    def state(self, delivery: Delivery) -> SafeString:
        """Return the status."""
        return chip(words(delivery.status), _TONES[DeliveryStatus(delivery.status)])

    @admin.display(description="Tried")
    def tries(self, delivery: Delivery) -> int:
        """Return how often it was tried."""
        return delivery.attempts

    @admin.display(description="Last answer")
    def last(self, delivery: Delivery) -> str:
        """Return what the endpoint said last."""
        return answer_of(delivery)

    @admin.display(description="Next try")
    def due(self, delivery: Delivery) -> Text:
        """Return when it is tried next."""
        is_open = delivery.status == DeliveryStatus.PENDING
        return moment(delivery.next_attempt_at) if is_open else NOTHING

    def look_up(self, term: str) -> Q | None:
        """Search by any of the three ids."""
        if term.startswith("evt_"):
            return Q(event_id=term)
        return Q(endpoint_id=term) if term.startswith("we_") else Q(pk=term)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return one delivery with all its tries."""
        event = link(reverse("admin:outbox_event_change", args=[obj.event_id]), obj.event_id)
        endpoint = reverse("admin:webhooks_webhookendpoint_change", args=[obj.endpoint_id])
        return Page(
            heading=obj.event.type,
            chips=(self.state(obj),),
            subtitle=identifier(obj.id),
            main=(
                Table(
                    "Tries",
                    ("#", "When", "Answer", "Took", "Said"),
                    [
                        (
                            str(row.number),
                            moment(row.attempted_at),
                            str(row.status_code or row.error),
                            f"{row.duration_ms} ms",
                            row.answer[:300] or NOTHING,
                        )
                        for row in obj.tries.order_by("-id")[:TRIES_SHOWN]
                    ],
                    empty="It has not been tried yet.",
                ),
            ),
            side=(
                Facts(
                    "Details",
                    [
                        ("Event", event),
                        ("Endpoint", stacked(link(endpoint, obj.endpoint_id), obj.endpoint.url)),
                        ("Created", moment(obj.created_at)),
                        ("Next try", self.due(obj)),
                        ("Finished", moment(obj.finished_at)),
                    ],
                ),
            ),
        )


def answer_of(delivery: Delivery) -> str:
    """Return the last status code, or why there was no answer."""
    return str(delivery.last_status_code or delivery.last_error or NOTHING)
