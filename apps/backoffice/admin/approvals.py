"""The inbox of what needs a second person."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome, ReasonForm
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    age,
    chip,
    identifier,
    moment,
    money,
    stacked,
    words,
)
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Raw, Table, Text
from apps.backoffice.models import Approval
from apps.backoffice.selectors import approval_kinds, kinds_decided_by, waits_for
from apps.backoffice.services import approve, reject
from apps.backoffice.states import ApprovalStatus
from apps.common.origin import Origin

_TONES = {
    ApprovalStatus.PENDING: Tone.WARNING,
    ApprovalStatus.APPROVED: Tone.GOOD,
    ApprovalStatus.REJECTED: Tone.BAD,
    ApprovalStatus.EXPIRED: Tone.NEUTRAL,
}


class _Decision(Dialog):
    subject: Approval
    # Whoever sees the inbox may open these; the service decides by the kind's own permission.
    permission = "backoffice.view_approval"
    needs_fresh_factor = True

    def is_offered(self) -> bool:
        """Return whether this person may decide about this request."""
        return (
            self.subject.status == ApprovalStatus.PENDING
            and self.subject.requested_by != self.user.actor
            and self.subject.kind in kinds_decided_by(self.user)
        )

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what was asked for."""
        request = self.subject
        return [
            ("What", kind_label(request.kind)),
            ("About", request.subject_id),
            ("Amount", money(request.amount, request.currency)),
            ("Asked by", request.requested_by.partition(":")[2]),
            ("Why", request.reason or NOTHING),
        ]

    def look(self) -> Mapping[str, Any]:
        """Return where the request stands."""
        return Approval.objects.values("status", "kind", "subject_id", "amount", "currency").get(
            pk=self.subject.pk
        )


class ApproveForm(DialogForm):
    """A yes may say why."""

    reason = forms.CharField(
        label="Note", max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )


class ApproveDialog(_Decision):
    """Say yes."""

    name = "approve"
    label = "Approve…"
    submit = "Approve"
    form_class = ApproveForm

    def explanation(self) -> str:
        """Say that this is the last word."""
        return "It happens at once, and your name stands beside it."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Approve."""
        approve(
            approval_id=self.subject.id,
            user=self.user,
            note=answers["reason"],
            origin=origin,
            now=now,
        )
        return Outcome(message="{what}: approved.", facts={"what": kind_label(self.subject.kind)})


class RejectDialog(_Decision):
    """Say no."""

    name = "reject"
    label = "Reject…"
    submit = "Reject"
    form_class = ReasonForm
    is_dangerous = True

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Reject."""
        reject(
            approval_id=self.subject.id,
            user=self.user,
            note=answers["reason"],
            origin=origin,
            now=now,
        )
        return Outcome(message="{what}: rejected.", facts={"what": kind_label(self.subject.kind)})


class KindFilter(SimpleListFilter):
    """What is asked for; requests of people are few, so no index is needed."""

    title = "request"
    parameter_name = "kind"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return everything that needs a second person."""
        return [(name, kind_label(name)) for name in approval_kinds()]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the requests of the kind that was chosen; something else chooses nothing."""
        chosen = self.value()
        return queryset.filter(kind=chosen) if chosen in approval_kinds() else queryset


class DeciderFilter(SimpleListFilter):
    """Requests that wait for the reader; they are what the first page counts."""

    title = "decided by"
    parameter_name = "decider"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the reader."""
        return [("me", gettext("Me"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return what waits for the reader; something else chooses nothing."""
        user: Any = request.user
        return queryset.filter(waits_for(user)) if self.value() == "me" else queryset


@admin.register(Approval)
class ApprovalAdmin(ObjectAdmin):
    """Requests of all kinds; each is decided by somebody else than who asked."""

    search_help_text = "Id of the request or of its subject"
    list_display = ("what", "sum", "state", "asked", "waiting", "ends")
    list_filter = ("status", KindFilter, DeciderFilter, "livemode")
    tabs = (
        ("Waiting", "status__exact=pending"),
        ("Approved", "status__exact=approved"),
        ("Rejected", "status__exact=rejected"),
        ("Expired", "status__exact=expired"),
        ("All", ""),
    )
    dialogs = (ApproveDialog, RejectDialog)

    @admin.display(description="Request")
    def what(self, approval: Approval) -> SafeString:
        """Return the kind and the subject."""
        return stacked(kind_label(approval.kind), approval.subject_id)

    @admin.display(description="Amount")
    def sum(self, approval: Approval) -> str:
        """Return what is at stake."""
        return money(approval.amount, approval.currency)

    @admin.display(description="Status")
    def state(self, approval: Approval) -> SafeString:
        """Return the status."""
        return approval_chip(approval.status)

    @admin.display(description="Asked by")
    def asked(self, approval: Approval) -> str:
        """Return who asked."""
        return approval.requested_by.partition(":")[2]

    @admin.display(description="Age")
    def waiting(self, approval: Approval) -> str:
        """Return for how long it has been there."""
        return age(approval.requested_at, now=timezone.now())

    @admin.display(description="Expires")
    def ends(self, approval: Approval) -> Text:
        """Return until when somebody may decide."""
        return moment(approval.expires_at)

    def look_up(self, term: str) -> Q | None:
        """Search by the request's id or its subject's."""
        return Q(pk=term) if term.startswith("apr_") else Q(subject_id=term)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return what was asked and what was decided."""
        decided: list[tuple[str, Text]] = [("Status", approval_chip(obj.status))]
        if obj.decided_at:
            decided += [
                ("Decided by", obj.decided_by.partition(":")[2] or "nobody, in time"),
                ("At", moment(obj.decided_at)),
                ("Note", obj.note or NOTHING),
            ]
        return Page(
            heading=kind_label(obj.kind),
            chips=(approval_chip(obj.status),),
            subtitle=format_html("{}", identifier(obj.id)),
            main=(
                Facts(
                    "Asked for",
                    [
                        ("About", identifier(obj.subject_id)),
                        ("Amount", money(obj.amount, obj.currency)),
                        ("Asked by", obj.requested_by.partition(":")[2]),
                        ("At", moment(obj.requested_at)),
                        ("Why", obj.reason or NOTHING),
                        ("Expires", moment(obj.expires_at)),
                    ],
                ),
                *_journal(obj.payload.get("legs", [])),
                Raw("Details", [("Payload", obj.payload)]),
            ),
            side=(Facts("Decision", decided),),
        )


def _journal(legs: Sequence[Mapping[str, Any]]) -> list[Table]:
    """Return what will be booked, where the request says it."""
    rows: list[tuple[Text, ...]] = []
    for leg in legs:
        amount = money(abs(leg["amount"]), leg["currency"])
        debit, credit = (amount, NOTHING) if leg["amount"] > 0 else (NOTHING, amount)
        rows.append((stacked(words(leg["account"]), leg["owner"]), debit, credit))
    head = ("Account", "Debit", "Credit")
    return [Table("Journal", head, rows, empty="", numbers=(1, 2))] if rows else []


def approval_chip(status: str) -> SafeString:
    return chip(words(status), _TONES[ApprovalStatus(status)])


def kind_label(kind: str) -> str:
    """Return what is asked for, in words."""
    known = approval_kinds().get(kind)
    return known.label if known else words(kind)
