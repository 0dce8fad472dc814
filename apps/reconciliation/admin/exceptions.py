"""The queue of what does not agree, oldest first, and the page to end one."""

from collections.abc import Sequence
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from apps.backoffice.kit.columns import Column, major
from apps.backoffice.kit.display import (
    NOTHING,
    identifier,
    link,
    mode_chip,
    moment,
    money,
    stacked,
    words,
)
from apps.backoffice.kit.figures import FiguresAdmin
from apps.backoffice.kit.filters import created_filter
from apps.backoffice.kit.pages import Facts, Happening, Page, Panel, Table, Text, Timeline
from apps.outbox.models import Event
from apps.reconciliation.admin.dialogs import (
    AssignDialog,
    BulkAssignExceptions,
    CorrectDialog,
    CorrectSeveralDialog,
    IgnoreDialog,
    IgnoreSeveralDialog,
    MatchDialog,
    WriteOffDialog,
    advice_of,
)
from apps.reconciliation.admin.display import age_chip, kind_text, status_chip
from apps.reconciliation.admin.drawings import list_ages
from apps.reconciliation.admin.filters import AgeFilter, DifferenceFilter, GatewayFilter
from apps.reconciliation.models import BankLine, Discrepancy, StatementLine
from apps.reconciliation.policies import advise
from apps.reconciliation.states import LineKind

_MAX_LINES: Final = 50
_MAX_EVENTS: Final = 50
SETTLEMENT_PREFIX: Final = "stl_"
PAYOUT_KINDS: Final = (LineKind.PAYOUT, LineKind.PAYOUT_FAILURE)


@admin.register(Discrepancy)
class DiscrepancyAdmin(FiguresAdmin):
    """What ledger, gateway and bank disagree about."""

    search_help_text = "Exception, its payment, entry or gateway reference"
    list_display = ("what", "about", "ledger", "statement", "off", "age", "who", "state")
    list_filter = (
        "kind",
        "status",
        AgeFilter,
        DifferenceFilter,
        GatewayFilter,
        "livemode",
        created_filter("rx"),
    )
    list_select_related = ("assignee",)
    export_columns = (
        Column("Id", lambda row: str(row.pk)),
        Column("Kind", lambda row: str(row.kind)),
        Column("Status", lambda row: str(row.status)),
        Column("Gateway", lambda row: str(row.gateway)),
        Column("Day", lambda row: row.day.isoformat()),
        Column("Reference", lambda row: str(row.reference)),
        Column("Ledger", lambda row: major(row.ledger_amount, row.currency)),
        Column("Statement", lambda row: major(row.statement_amount, row.currency)),
        Column("Difference", lambda row: major(row.difference, row.currency)),
        Column("Currency", lambda row: str(row.currency)),
        Column("Assignee", lambda row: row.assignee.email if row.assignee else ""),
    )
    tabs = (
        ("Open", "status__exact=open"),
        ("Corrected or matched", "status__exact=resolved"),
        ("Written off", "status__exact=written_off"),
        ("Ignored", "status__exact=ignored"),
        ("All", ""),
    )
    dialogs = (CorrectDialog, MatchDialog, WriteOffDialog, IgnoreDialog, AssignDialog)
    list_dialogs = (CorrectSeveralDialog, IgnoreSeveralDialog, BulkAssignExceptions)

    def figures(self) -> Sequence[Panel]:
        """Return how long people have waited."""
        return (list_ages(timezone.now().date()),)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the oldest first where people work, the newest first elsewhere."""
        is_queue = request.GET.get("status__exact") == "open"
        return ("day", "pk") if is_queue else ("-pk",)

    @admin.display(description="Exception")
    def what(self, row: Discrepancy) -> SafeString:
        """Return what does not agree."""
        return stacked(kind_text(row.kind), row.id)

    @admin.display(description="About")
    def about(self, row: Discrepancy) -> SafeString:
        """Return the gateway's name of it, and the gateway."""
        return stacked(row.reference or row.subject_id or row.subject, row.gateway)

    @admin.display(description="Ledger")
    def ledger(self, row: Discrepancy) -> str:
        """Return what is booked."""
        return money(row.ledger_amount, row.currency)

    @admin.display(description="Statement")
    def statement(self, row: Discrepancy) -> str:
        """Return what is reported."""
        return money(row.statement_amount, row.currency)

    @admin.display(description="Difference")
    def off(self, row: Discrepancy) -> str:
        """Return by how much the statement exceeds the ledger."""
        return money(row.difference, row.currency)

    @admin.display(description="Age")
    def age(self, row: Discrepancy) -> Text:
        """Return how old it is, while it is open."""
        if row.resolved_at is not None:
            return NOTHING
        return age_chip(row.day, today=timezone.now().date())

    @admin.display(description="Assigned to")
    def who(self, row: Discrepancy) -> str:
        """Return who works on it."""
        return str(row.assignee) if row.assignee else NOTHING

    @admin.display(description="Status")
    def state(self, row: Discrepancy) -> SafeString:
        """Return how it ended."""
        return status_chip(row.status)

    def look_up(self, term: str) -> Q | None:
        """Search by any of its names."""
        return Q(pk=term) | Q(subject_id=term) | Q(entry_id=term) | Q(reference=term)

    def offers(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        """Return what may be done, beginning with what usually helps."""
        offered = super().offers(request, obj)
        if obj is None:
            return offered
        usual = advise(obj.kind).action
        return sorted(offered, key=lambda offer: offer["dialog"].name != usual)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return what does not agree, why we think so, and what usually helps."""
        action, reason = advice_of(obj)
        return Page(
            heading=kind_text(obj.kind),
            chips=(
                status_chip(obj.status),
                age_chip(obj.day, today=timezone.now().date()),
                mode_chip(livemode=obj.livemode),
            ),
            subtitle=identifier(obj.id),
            main=(
                Facts(
                    "What does not agree",
                    [
                        ("In words", obj.explanation),
                        ("Ledger", money(obj.ledger_amount, obj.currency)),
                        ("Statement", money(obj.statement_amount, obj.currency)),
                        ("Difference", money(obj.difference, obj.currency)),
                    ],
                ),
                Facts("Suggestion", [("Usually", action), ("Because", reason)]),
                _lines(obj),
                _timeline(obj),
            ),
            side=(_ending(obj), _details(obj)),
        )


def _lines(row: Discrepancy) -> Table:
    """Return the statement's lines behind the exception, and by what each was matched."""
    lines = StatementLine.objects.filter(gateway=row.gateway, merchant_id=row.merchant_id)
    if row.entry_id:
        lines = lines.filter(entry_id=row.entry_id)
    elif row.subject.startswith(SETTLEMENT_PREFIX):
        lines = lines.filter(object_reference=row.reference, kind__in=PAYOUT_KINDS)
    else:
        _, _, number = row.subject.partition("line:")
        lines = lines.filter(pk=int(number)) if number.isdecimal() else lines.none()
    shown = lines.select_related("file").order_by("pk")[:_MAX_LINES]
    rows: list[tuple[Text, ...]] = [
        (
            stacked(line.reference, f"{line.file.name}, line {line.number}"),
            words(line.kind),
            money(line.gross, line.currency),
            money(line.fee, line.currency),
            money(line.net, line.currency),
            words(line.rule) if line.rule else NOTHING,
        )
        for line in shown
    ]
    return Table(
        "Lines of the statement",
        ("Line", "Kind", "Gross", "Fee", "Net", "Matched by"),
        rows + _credits(row),
        empty="No line of a statement is behind it.",
        numbers=(2, 3, 4),
    )


def _credits(row: Discrepancy) -> list[tuple[Text, ...]]:
    """Return the credit on the bank's statement, of an exception about one or about a payout."""
    lines = BankLine.objects.filter(Q(pk=row.subject) | Q(settlement_id=row.subject))
    return [
        (
            stacked(line.reference, f"{line.file.name}, line {line.number}"),
            words("bank_credit"),
            NOTHING,
            NOTHING,
            money(line.amount, line.currency),
            NOTHING,
        )
        for line in lines.select_related("file")
    ]


def _timeline(row: Discrepancy) -> Timeline:
    events = Event.objects.filter(object_id=row.id).order_by("-sequence")[:_MAX_EVENTS]
    return Timeline(
        "What happened",
        [
            Happening(
                at=event.created_at,
                text=words(event.type.partition(".")[2]),
                actor=event.actor,
                note=str(event.data.get("reason", "")),
                request=event.request_id,
            )
            for event in events
        ],
    )


def _ending(row: Discrepancy) -> Facts:
    return Facts(
        "How it ended",
        [
            ("Status", status_chip(row.status)),
            ("By", row.resolved_by or NOTHING),
            ("Why", row.resolution_reason or NOTHING),
            ("When", moment(row.resolved_at)),
            ("Correcting journal", _entry(row.resolution_entry_id)),
        ],
    )


def _details(row: Discrepancy) -> Facts:
    return Facts(
        "Details",
        [
            ("About", identifier(row.subject_id) if row.subject_id else row.subject),
            ("Booked as", _entry(row.entry_id)),
            ("Reference", row.reference or NOTHING),
            ("Day", row.day.isoformat()),
            ("Gateway", row.gateway),
            ("Assigned to", str(row.assignee) if row.assignee else NOTHING),
            ("Merchant", row.merchant_id),
            ("Opened", moment(row.created_at)),
        ],
    )


def _entry(entry_id: str) -> Text:
    if not entry_id:
        return NOTHING
    return link(reverse("admin:ledger_journalentry_change", args=[entry_id]), entry_id)
