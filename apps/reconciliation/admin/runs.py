"""Comparisons of a gateway's day with the books; and the end of a month."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    identifier,
    mode_chip,
    moment,
    money,
    stacked,
)
from apps.backoffice.kit.figures import FiguresAdmin
from apps.backoffice.kit.filters import RowChoices, created_filter
from apps.backoffice.kit.pages import Drawings, Facts, Page, Panel, Table, Text
from apps.common.origin import Origin, scope_of
from apps.gateways.registry import gateway_names
from apps.reconciliation.admin.drawings import draw_matched
from apps.reconciliation.admin.filters import GatewayFilter
from apps.reconciliation.admin.forms import ScopeForm, chosen_scope
from apps.reconciliation.models import ReconciliationRun
from apps.reconciliation.services import close_month, compare_day
from apps.reconciliation.states import ReportState


class RunForm(ScopeForm):
    """Which day of which account."""

    gateway = forms.ChoiceField(choices=lambda: [(name, name) for name in gateway_names()])
    day = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}))
    fetch = forms.BooleanField(
        required=False, label="Fetch the gateway's report of that day first, once it is there"
    )


class RunDialog(Dialog):
    """Compare a day now."""

    name = "reconcile"
    label = "Compare a day…"
    permission = "reconciliation.add_reconciliationrun"
    form_class = RunForm
    submit = "Compare"

    def explanation(self) -> str:
        """Say that it may be done as often as wanted."""
        return "A second run over the same statements opens nothing new."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Compare."""
        run = compare_day(
            scope=chosen_scope(answers),
            gateway=answers["gateway"],
            day=answers["day"],
            is_to_fetch=answers["fetch"],
            origin=origin,
            now=now,
        )
        return _outcome_of(run)


class RunAgainForm(DialogForm):
    """Whether the gateway is asked first."""

    fetch = forms.BooleanField(
        required=False, label="Fetch the gateway's report of that day first, once it is there"
    )


class RunAgainDialog(Dialog):
    """Compare the day of a run once more, such as after its report has come."""

    subject: ReconciliationRun
    name = "run-again"
    label = "Compare again…"
    permission = "reconciliation.add_reconciliationrun"
    form_class = RunAgainForm
    submit = "Compare"

    def explanation(self) -> str:
        """Say that it may be done as often as wanted."""
        return "A second run over the same statements opens nothing new."

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return which day of which account."""
        return [("Day", self.subject.day.isoformat()), ("Gateway", self.subject.gateway)]

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Compare."""
        run = compare_day(
            scope=scope_of(self.subject),
            gateway=self.subject.gateway,
            day=self.subject.day,
            is_to_fetch=answers["fetch"],
            origin=origin,
            now=now,
        )
        return _outcome_of(run)


def _outcome_of(run: ReconciliationRun) -> Outcome:
    return Outcome(
        message="The gateway has no report of that day yet, and is asked again every hour."
        " {matched} of {lines} lines agree; {opened} exceptions opened, {closed} closed,"
        " {open} open."
        if run.report == ReportState.WAITING
        else "{matched} of {lines} lines agree; {opened} exceptions opened, {closed} closed,"
        " {open} open.",
        facts={
            "matched": run.lines_matched,
            "lines": run.lines,
            "opened": run.exceptions_opened,
            "closed": run.exceptions_closed,
            "open": run.exceptions_open,
        },
        object_id=run.id,
    )


class CloseMonthForm(ScopeForm):
    """Which month."""

    month = forms.CharField(
        help_text="Such as 2026-10.",
        widget=forms.TextInput(attrs={"type": "month", "placeholder": "2026-10"}),
    )

    def clean_month(self) -> date:
        """Return the first day of the month."""
        try:
            return date.fromisoformat(f"{self.cleaned_data['month']}-01")
        except ValueError:
            raise forms.ValidationError("A month is written as 2026-10.") from None


class CloseMonthDialog(Dialog):
    """Close a month's books."""

    name = "close-month"
    label = "Close a month…"
    permission = "ledger.add_periodclose"
    form_class = CloseMonthForm
    submit = "Close the month"
    needs_fresh_factor = True
    is_dangerous = True

    def explanation(self) -> str:
        """Say what it takes, and what becomes of what comes later."""
        return (
            "Wants every exception of its days resolved and every gateway compared up to the last"
            " day. A closed month stays closed; what comes later counts for the next open day."
        )

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Close."""
        closed = close_month(
            scope=chosen_scope(answers), month=answers["month"], origin=origin, now=now
        )
        return Outcome(
            message="The books are closed up to {day}. Within a minute the month's pack stands on"
            " the screen Report files.",
            facts={"day": closed.closed_through},
        )


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(FiguresAdmin):
    """Every comparison."""

    search_help_text = "Id of the run"
    list_display = ("what", "report_", "rows", "matched", "opened", "open_", "difference_", "ran")
    list_filter = (
        ("report", RowChoices),
        GatewayFilter,
        "livemode",
        created_filter("run"),
    )
    tabs = (("All", ""), ("Report not there yet", f"report__exact={ReportState.WAITING}"))
    dialogs = (RunAgainDialog,)
    list_dialogs = (RunDialog, CloseMonthDialog)

    def figures(self) -> Sequence[Panel]:
        """Return how much of each day agrees."""
        return (Drawings([draw_matched()]),)

    @admin.display(description="Day")
    def what(self, run: ReconciliationRun) -> SafeString:
        """Return the day and the gateway."""
        return stacked(f"{run.day} · {run.gateway}", run.id)

    @admin.display(description="Report")
    def report_(self, run: ReconciliationRun) -> Text:
        """Return whether the gateway's report of the day was there."""
        return _report(run) if run.report else NOTHING

    @admin.display(description="Lines")
    def rows(self, run: ReconciliationRun) -> str:
        """Return how many lines the day has."""
        return f"{run.lines:,}"

    @admin.display(description="Agree")
    def matched(self, run: ReconciliationRun) -> SafeString:
        """Return the share of lines that agree."""
        tone = Tone.GOOD if run.lines_matched == run.lines else Tone.WARNING
        return chip(_share(run), tone)

    @admin.display(description="Opened")
    def opened(self, run: ReconciliationRun) -> str:
        """Return what the run opened and closed."""
        return f"+{run.exceptions_opened} / -{run.exceptions_closed}"

    @admin.display(description="Open")
    def open_(self, run: ReconciliationRun) -> Text:
        """Return how many exceptions stood open afterwards."""
        count = str(run.exceptions_open)
        return chip(count, Tone.WARNING) if run.exceptions_open else chip("None", Tone.GOOD)

    @admin.display(description="Difference")
    def difference_(self, run: ReconciliationRun) -> str:
        """Return what is open, per currency."""
        return _difference(run)

    @admin.display(description="Ran")
    def ran(self, run: ReconciliationRun) -> Text:
        """Return when."""
        return moment(run.created_at)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return the run with the day's earlier ones."""
        same = ReconciliationRun.objects.filter(
            merchant_id=obj.merchant_id, livemode=obj.livemode, gateway=obj.gateway, day=obj.day
        ).order_by("-pk")[:25]
        return Page(
            heading=f"{obj.day} at {obj.gateway}",
            chips=(self.matched(obj), mode_chip(livemode=obj.livemode)),
            subtitle=identifier(obj.id),
            main=(
                Facts(
                    "What was compared",
                    [
                        ("The gateway's report", _report(obj)),
                        ("Lines of the day", f"{obj.lines:,}"),
                        ("Agree in every respect", f"{obj.lines_matched:,}"),
                        ("Booked, expected in a later report", f"{obj.facts_expected:,}"),
                        ("Fees booked from the report", f"{obj.fees_booked:,}"),
                        ("Exceptions opened", f"{obj.exceptions_opened:,}"),
                        ("Exceptions closed", f"{obj.exceptions_closed:,}"),
                        ("Exceptions open afterwards", f"{obj.exceptions_open:,}"),
                        ("Open difference", _difference(obj)),
                    ],
                ),
                Table(
                    "Runs of this day",
                    ("Run", "Agree", "Opened", "Open", "By"),
                    [
                        (run.id, _share(run), self.opened(run), self.open_(run), run.actor)
                        for run in same
                    ],
                    empty="",
                ),
            ),
            side=(
                Facts(
                    "Details",
                    [
                        ("By", obj.actor),
                        ("Merchant", obj.merchant_id),
                        ("Ran", moment(obj.created_at)),
                    ],
                ),
            ),
        )


def _report(run: ReconciliationRun) -> Text:
    if not run.report:
        return "Uploaded, if at all"
    tone = Tone.GOOD if run.report == ReportState.FETCHED else Tone.WARNING
    return chip(gettext(ReportState(run.report).label), tone)


def _share(run: ReconciliationRun) -> str:
    if not run.lines:
        return "no lines"
    # Rounded down, so that 100 % means all.
    return f"{run.lines_matched * 1000 // run.lines / 10:.1f} %"


def _difference(run: ReconciliationRun) -> str:
    amounts = [money(amount, currency) for currency, amount in sorted(run.difference.items())]
    return ", ".join(amounts) or NOTHING
