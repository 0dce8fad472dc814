"""Test clocks in the back-office: time that a developer moves."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Min, Q
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apps.api.selectors import list_merchant_choices
from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    identifier,
    moment,
    stacked,
    words,
)
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Table, Text
from apps.common.origin import Origin, Scope, scope_of
from apps.outbox.timeline import timeline_of
from apps.subscriptions.admin.display import (
    invoice_link,
    subscription_link,
)
from apps.subscriptions.models import Invoice, Subscription, TestClock
from apps.subscriptions.policies.agenda import next_duty
from apps.subscriptions.services.clocks import advance_clock, create_clock, delete_clock
from apps.subscriptions.services.lifecycle import calendar_of
from apps.subscriptions.states import ClockStatus

# Coming events on a clock's page.
MAX_COMING = 30

_TONES: Mapping[str, Tone] = {
    ClockStatus.READY: Tone.GOOD,
    ClockStatus.ADVANCING: Tone.BUSY,
    ClockStatus.INTERNAL_FAILURE: Tone.BAD,
}


class _MomentField(forms.DateTimeField):
    """A time in UTC."""

    def __init__(self, label: str) -> None:
        super().__init__(
            label=label,
            help_text="In UTC.",
            widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
            input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        )


class CreateForm(DialogForm):
    """Whose clock, and where it stands."""

    merchant = forms.ChoiceField(choices=list_merchant_choices)
    name = forms.CharField(max_length=300)
    stands_at = _MomentField("Stands at")


class CreateDialog(Dialog):
    """Make a clock."""

    name = "create-clock"
    label = "New clock…"
    permission = "subscriptions.add_testclock"
    form_class = CreateForm
    submit = "Make the clock"

    def explanation(self) -> str:
        """Say how customers get on it."""
        return "A clock lives in test mode. Customers hang on it when they are created with it."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Make it."""
        clock = create_clock(
            scope=Scope(answers["merchant"], livemode=False),
            name=answers["name"],
            frozen_time=answers["stands_at"],
            origin=origin,
            now=now,
        )
        return Outcome(
            message="{clock} stands ready.", facts={"clock": clock.name}, object_id=clock.pk
        )


class AdvanceForm(DialogForm):
    """How far."""

    until = _MomentField("Advance to")


class _ClockDialog(Dialog):
    subject: TestClock
    permission = "subscriptions.change_testclock"

    def look(self) -> Mapping[str, Any]:
        """Return where the clock stands."""
        clock = TestClock.objects.get(pk=self.subject.pk)
        return {"status": str(clock.status), "frozen_time": clock.frozen_time.isoformat()}


class AdvanceDialog(_ClockDialog):
    """Let time pass."""

    name = "advance-clock"
    label = "Advance…"
    form_class = AdvanceForm
    submit = "Advance"

    def is_offered(self) -> bool:
        """Return whether it stands."""
        return bool(self.subject.status != ClockStatus.ADVANCING)

    def explanation(self) -> str:
        """Say that what is due on the way happens."""
        return "Renewals, retries, reminders and ends of trials on the way happen in their order."

    def initial(self) -> Mapping[str, Any]:
        """Begin with where it stands."""
        return {"until": self.subject.frozen_time}

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Set the clock out."""
        advance_clock(
            scope=scope_of(self.subject), clock_id=self.subject.pk,
            frozen_time=answers["until"], origin=origin, now=now,
        )  # fmt: skip
        return Outcome(message="The clock is on its way.")


class DeleteDialog(_ClockDialog):
    """Take a clock away."""

    name = "delete-clock"
    label = "Delete…"
    form_class = DialogForm
    submit = "Delete the clock"
    is_dangerous = True

    def explanation(self) -> str:
        """Say what ends with it."""
        return "The subscriptions that hang on it end: their time stands still."

    def work(self, _answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Delete it."""
        delete_clock(scope=scope_of(self.subject), clock_id=self.subject.pk, origin=origin, now=now)
        return Outcome(message="The clock is deleted.", is_gone=True)


@admin.register(TestClock)
class TestClockAdmin(ObjectAdmin):
    """Clocks, and what is coming on them."""

    # The name begins with "Test", but there is no test in it.
    __test__ = False

    dialogs = (AdvanceDialog, DeleteDialog)
    list_dialogs = (CreateDialog,)
    search_help_text = "Clock"
    list_display = ("what", "stands_at", "coming", "state", "at")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the clocks that were not deleted."""
        return super().get_queryset(request).filter(deleted_at__isnull=True)

    def prepare(self, rows: list[Any]) -> None:
        """Count what hangs on the clocks of the page and is still billed."""
        due = Subscription.objects.filter(
            test_clock_id__in=[row.pk for row in rows], due_at__isnull=False
        )
        counted = due.values("test_clock_id").annotate(number=Count("pk"), first=Min("due_at"))
        found = {each["test_clock_id"]: each for each in counted}
        for row in rows:
            row.shown_coming = found.get(row.pk)

    @admin.display(description="Clock")
    def what(self, row: TestClock) -> SafeString:
        """Return its name and id."""
        return stacked(row.name or "Clock", row.id)

    @admin.display(description="Stands at")
    def stands_at(self, row: TestClock) -> Text:
        """Return its time."""
        return f"{row.frozen_time:%d %b %Y %H:%M}"

    @admin.display(description="Subscriptions")
    def coming(self, row: Any) -> Text:
        """Return how many subscriptions hang on it, and when the next one has something to do."""
        if row.shown_coming is None:
            return NOTHING
        first = f"{row.shown_coming['first']:%d %b %Y %H:%M}"
        return stacked(str(row.shown_coming["number"]), gettext("next: %(at)s") % {"at": first})

    @admin.display(description="Status")
    def state(self, row: TestClock) -> SafeString:
        """Return whether it stands or moves."""
        return chip(words(str(row.status)), _TONES.get(str(row.status), Tone.NEUTRAL))

    @admin.display(description="Created")
    def at(self, row: TestClock) -> Text:
        """Return when."""
        return moment(row.created_at)

    def look_up(self, term: str) -> Q | None:
        """Search by the clock's id."""
        return Q(pk=term)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return the lane of what is coming."""
        return Page(
            heading=f"{obj.frozen_time:%d %b %Y %H:%M}",
            chips=(self.state(obj),),
            subtitle=obj.name or identifier(obj.id),
            main=(_coming(obj), timeline_of(obj.id)),
            side=(
                Facts(
                    "Details",
                    [
                        ("Clock", identifier(obj.id)),
                        ("Advances to", moment(obj.target_time)),
                        ("Subscriptions", str(_subscriptions(obj).count())),
                        ("Created", moment(obj.created_at)),
                    ],
                ),
            ),
        )


def _subscriptions(clock: TestClock) -> Any:
    return Subscription.objects.filter(test_clock_id=clock.pk)


def _coming(clock: TestClock) -> Table:
    lane: list[tuple[datetime, Text, Text]] = []
    due = _subscriptions(clock).filter(due_at__isnull=False).order_by("due_at")
    for subscription in due[:MAX_COMING]:
        duty = next_duty(calendar_of(subscription))
        if duty is not None:
            lane.append((duty[1], words(duty[0]), subscription_link(subscription.pk)))
    retries = Invoice.objects.filter(
        test_clock_id=clock.pk, next_payment_attempt__isnull=False
    ).order_by("next_payment_attempt")
    for invoice in retries[:MAX_COMING]:
        at = invoice.next_payment_attempt
        if at is not None:
            lane.append((at, f"Retry {invoice.dunning_slot + 1}", invoice_link(invoice)))
    lane.sort(key=lambda entry: entry[0])
    rows: Sequence[Sequence[Text]] = [
        (f"{at:%d %b %Y %H:%M}", what, where) for at, what, where in lane[:MAX_COMING]
    ]
    return Table("Coming", ("When", "What", "For"), rows, empty="Nothing is due on this clock.")
