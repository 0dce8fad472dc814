"""The queue of disputes by deadline, and the page to answer one."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from apps.backoffice.kit.columns import Column, major
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    identifier,
    link,
    mode_chip,
    moment,
    money,
    stacked,
    words,
)
from apps.backoffice.kit.figures import FiguresAdmin
from apps.backoffice.kit.filters import AssigneeFilter, created_filter
from apps.backoffice.kit.pages import (
    Drawings,
    Facts,
    Happening,
    Page,
    Panel,
    Table,
    Text,
    Timeline,
)
from apps.backoffice.kit.reader import read_once
from apps.disputes.admin.dialogs import (
    AcceptDialog,
    AssignDialog,
    BulkAssignDisputes,
    EvidenceDialog,
    SubmitDialog,
    UploadDialog,
)
from apps.disputes.admin.display import (
    COMPELLING_LABEL,
    answering_in_words,
    due_chip,
    rate_in_words,
    stage_chip,
    status_chip,
)
from apps.disputes.admin.figures import draw_deadlines, figures_page
from apps.disputes.admin.filters import WITHIN, DueFilter, NetworkFilter
from apps.disputes.compelling import ELEMENT_NAMES, is_eligible, read_draft
from apps.disputes.matrix import CLAIMS, FIELDS, FILE_FIELDS, checklist, claim_of
from apps.disputes.models import Dispute, DisputeCase
from apps.disputes.policies import answer_by
from apps.disputes.ratios import win_rate
from apps.disputes.selectors import (
    buffer_of,
    count_open,
    count_outcomes,
    find_case,
    find_compelling_payments,
    find_submission,
    list_files,
    list_open,
    list_similar,
    now_for,
    read_buffers,
)
from apps.disputes.services.packet import build_packet
from apps.gateways.base import EventKind
from apps.outbox.models import Event
from apps.webhooks.selectors import find_oldest_waiting

# Texts are shown in full in the dialog.
_EXCERPT = 120
# Evidence quotes names and addresses.
_SEE_EVIDENCE = "backoffice.view_pii"
_EVENTS_MAX = 100


# Events are heard within seconds; a few minutes are a worker that starts anew.
_LAG = timedelta(minutes=5)
_HEARD_OF_DISPUTES = (EventKind.DISPUTE, EventKind.FRAUD_WARNING)

_WAITING = "status__in=needs_response,warning_needs_response"
_MINE = f"assignee=me&{_WAITING}"
_REVIEWED = "status__in=under_review,warning_under_review"
_INQUIRIES = "stage__exact=inquiry"
_LATER = "stage__in=pre_arbitration,arbitration"


class ReasonFilter(admin.SimpleListFilter):
    """What the payer says; the choices are those that have a checklist of their own."""

    title = "reason"
    parameter_name = "reason__exact"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [(reason, words(reason)) for reason in CLAIMS]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the disputes for the reason that was chosen; something else chooses nothing."""
        return queryset.filter(reason=self.value()) if self.value() in CLAIMS else queryset


@admin.register(Dispute)
class DisputeAdmin(FiguresAdmin):
    """Disputes; those that wait for us by their deadline."""

    search_help_text = "Dispute, payment or gateway reference"
    list_display = ("what", "amount_disputed", "why", "due", "evidence", "state", "who")
    list_filter = (
        "status",
        "stage",
        ReasonFilter,
        NetworkFilter,
        DueFilter,
        AssigneeFilter,
        "livemode",
        created_filter("dp"),
    )
    list_select_related = ("case__assignee",)
    export_columns = (
        Column("Id", lambda row: str(row.pk)),
        Column("Payment", lambda row: str(row.intent_id)),
        Column("Status", lambda row: str(row.status)),
        Column("Stage", lambda row: str(row.stage)),
        Column("Reason", lambda row: str(row.reason)),
        Column("Network", lambda row: str(row.network)),
        Column("Network code", lambda row: str(row.network_reason_code)),
        Column("Amount", lambda row: major(row.amount, row.currency)),
        Column("Currency", lambda row: str(row.currency)),
        Column("Due (UTC)", lambda row: row.due_at),
        Column("Opened (UTC)", lambda row: row.opened_at),
    )
    tabs = (
        ("All", ""),
        ("Needs response", _WAITING),
        ("Mine", _MINE),
        ("Under review", _REVIEWED),
        ("Inquiries", _INQUIRIES),
        ("Later rounds", _LATER),
        ("Won", "status__exact=won"),
        ("Lost", "status__in=lost,accepted,expired"),
    )
    dialogs = (EvidenceDialog, UploadDialog, SubmitDialog, AssignDialog, AcceptDialog)

    list_dialogs = (BulkAssignDisputes,)

    def figures(self) -> Sequence[Panel]:
        """Return nothing: what people came for is the list."""
        return ()

    def folded(self) -> Sequence[tuple[str, Sequence[Panel]]]:
        """Return what falls due on which day."""
        drawn = draw_deadlines(read_once(list_open), now=timezone.now())
        return [("What falls due", [Drawings([drawn])])]

    def warning(self, _request: HttpRequest) -> str:
        """Say that gateways told of disputes which are not in the list yet."""
        waits_since = find_oldest_waiting(_HEARD_OF_DISPUTES)
        if waits_since is None or (lag := timezone.now() - waits_since) < _LAG:
            return ""
        minutes = int(lag / timedelta(minutes=1))
        return (
            f"Gateways told of disputes {minutes} minutes ago, and that was not worked on yet:"
            " the list is not complete."
        )

    def count_tabs(self, _request: HttpRequest) -> Mapping[str, int]:
        """Return how many wait where somebody has to do something; only open ones are counted."""
        counts = count_open(read_once(list_open))
        return {
            _WAITING: counts.waiting,
            _REVIEWED: counts.reviewed,
            _INQUIRIES: counts.inquiries,
            _LATER: counts.second_round,
        }

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the most urgent first where people answer, the newest first elsewhere."""
        is_waiting = "needs_response" in request.GET.get("status__in", "")
        is_queue = is_waiting or request.GET.get("due") in WITHIN
        return ("due_at", "pk") if is_queue else ("-pk",)

    def prepare(self, rows: list[Any]) -> None:
        """Count what each draft has of what it needs, and say by when its owner answers."""
        buffers = read_buffers({row.scope for row in rows})
        for row in rows:
            row.shown_deadline = answer_by(row.due_at, buffer=buffers[row.scope])
            case = _case_of(row)
            wanted = checklist(row.reason, case.evidence if case else {})
            required = [each for each in wanted if each.is_required]
            row.shown_evidence = f"{sum(e.is_given for e in required)} of {len(required)}"

    @admin.display(description="Dispute")
    def what(self, dispute: Dispute) -> SafeString:
        """Return the dispute's id, its payment's, and the customer's."""
        # Below each other: ids beside each other push the deadline out of sight.
        named = [(each,) for each in (dispute.intent_id, dispute.customer_id) if each]
        about = format_html_join(mark_safe("<br>"), "{}", named)
        return stacked(format_html("<code>{}</code>", dispute.id), about)

    @admin.display(description="Amount")
    def amount_disputed(self, dispute: Dispute) -> SafeString:
        """Return what is disputed, and how far it has gone."""
        return stacked(money(dispute.amount, dispute.currency), words(dispute.stage))

    @admin.display(description="Reason")
    def why(self, dispute: Dispute) -> SafeString:
        """Return the reason and the scheme's code."""
        network = f"{dispute.network} {dispute.network_reason_code}".strip()
        return stacked(words(dispute.reason), network)

    @admin.display(description="Answer within")
    def due(self, dispute: Any) -> Text:
        """Return what is left until our own deadline."""
        return due_chip(dispute, dispute.shown_deadline, now=now_for(dispute, timezone.now()))

    @admin.display(description="Evidence")
    def evidence(self, dispute: Any) -> str:
        """Return how much of the required evidence is there."""
        return str(dispute.shown_evidence)

    @admin.display(description="Status")
    def state(self, dispute: Dispute) -> SafeString:
        """Return the status."""
        return status_chip(dispute.status)

    @admin.display(description="Assigned to")
    def who(self, dispute: Dispute) -> str:
        """Return who works on it."""
        return _assignee(_case_of(dispute))

    def look_up(self, term: str) -> Q | None:
        """Search by the dispute's id, its payment's, or the gateway's."""
        return Q(pk=term) | Q(intent_id=term) | Q(gateway_reference=term)

    def get_urls(self) -> list[URLPattern]:
        """Add the packet as a file, before the pattern that takes every path for an id."""
        view = self.admin_site.admin_view(self.packet_view)
        return [
            path(
                "figures/",
                self.admin_site.admin_view(self.figures_view),
                name="disputes_dispute_figures",
            ),
            path("<slug:object_id>/packet/", view, name="disputes_dispute_packet"),
            *super().get_urls(),
        ]

    def figures_view(self, request: HttpRequest) -> HttpResponse:
        """Show how disputes ended, and how near the card schemes' limits are."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Dispute figures",
            "page": figures_page(now=timezone.now()),
            "dialogs": [],
        }
        return TemplateResponse(request, "admin/backoffice/object.html", context)

    def packet_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Return the packet: of the draft while there is one to send, else as it was sent."""
        if not (self.has_view_permission(request) and request.user.has_perm(_SEE_EVIDENCE)):
            raise PermissionDenied
        dispute = self._get(request, object_id)
        sent = find_submission(dispute)
        if sent is not None and sent.packet is not None:
            content = bytes(sent.packet.content)
        else:
            case = find_case(dispute)
            evidence = case.evidence if case else {}
            content = build_packet(dispute, evidence, now=timezone.now())
        response = HttpResponse(content, content_type="application/pdf")
        response["Content-Disposition"] = f'inline; filename="{dispute.id}-{dispute.round}.pdf"'
        # Uploaded pages stand in it: whatever they are, they get no rights on this site.
        response["Content-Security-Policy"] = "default-src 'none'; object-src 'self'; sandbox"
        response["X-Content-Type-Options"] = "nosniff"
        return response

    def page(self, request: HttpRequest, obj: Any) -> Page:
        """Return the claim, what answers it, and what is at stake."""
        case = find_case(obj)
        may_read = request.user.has_perm(_SEE_EVIDENCE)
        return Page(
            heading=money(obj.amount, obj.currency),
            chips=(
                status_chip(obj.status),
                stage_chip(obj.stage),
                mode_chip(livemode=obj.livemode),
            ),
            subtitle=identifier(obj.id),
            main=(
                _claim(obj),
                _checklist(obj, case),
                *_compelling(obj, case),
                _similar(obj),
                _timeline(obj),
            ),
            side=(
                _deadline(obj, case),
                *([_packet(obj)] if may_read else []),
                _money(obj),
                _outcomes(obj),
                _details(obj),
            ),
        )


def _case_of(dispute: Dispute) -> DisputeCase | None:
    return getattr(dispute, "case", None)


def _assignee(case: DisputeCase | None) -> str:
    return str(case.assignee) if case and case.assignee else NOTHING


def _claim(dispute: Dispute) -> Facts:
    code = f"{words(dispute.network)} {dispute.network_reason_code}".strip()
    return Facts(
        "The claim",
        [
            ("What the payer says", claim_of(dispute.reason)),
            ("Reason", words(dispute.reason)),
            ("The scheme's code", code or NOTHING),
        ],
    )


def _checklist(dispute: Dispute, case: DisputeCase | None) -> Table:
    evidence = case.evidence if case else {}
    named = [evidence[name] for name in FILE_FIELDS & evidence.keys()]
    names = {file.id: file.name for file in list_files(dispute.scope, named)}
    rows = [
        (
            stacked(wanted.field.label, wanted.field.why),
            chip("There", Tone.GOOD)
            if wanted.is_given
            else chip("Missing", Tone.WARNING if wanted.is_required else Tone.NEUTRAL),
            "Required" if wanted.is_required else "Optional",
            _excerpt(names.get(text := evidence.get(wanted.field.name, ""), text)),
        )
        for wanted in checklist(dispute.reason, evidence)
    ]
    return Table("Evidence", ("What banks want", "State", "Needed", "Text"), rows, "Nothing.")


def _compelling(dispute: Dispute, case: DisputeCase | None) -> tuple[Table, ...]:
    """Return the payments which answer Visa's fraud, where Visa takes that for an answer."""
    if not is_eligible(network=dispute.network, reason_code=dispute.network_reason_code):
        return ()
    found = find_compelling_payments(dispute)
    rows = [
        (identifier(each.charge_id), moment(each.paid_at), each.description or NOTHING)
        for each in (found.earlier if found else ())
    ]
    title = COMPELLING_LABEL
    if found:
        same = ", ".join(ELEMENT_NAMES[name] for name in found.matching)
        is_named = case is not None and bool(read_draft(case.evidence))
        title = f"{title}: the same {same}{' (in the draft)' if is_named else ''}"
    return (
        Table(
            title,
            ("Undisputed payment", "Paid", "For"),
            rows,
            empty="No two undisputed payments by this card, 120 to 364 days older, were made with"
            " the same IP address or device and one thing more.",
        ),
    )


def _similar(dispute: Dispute) -> Table:
    """Return how disputes like this one ended, so that it is seen what is worth the work."""
    rows = [
        (
            link(reverse("admin:disputes_dispute_change", args=[each.pk]), each.pk),
            status_chip(each.status),
            f"{words(each.network)} {each.network_reason_code}".strip() or NOTHING,
            "Answered" if each.submissions else "Not answered",
            money(each.amount, each.currency),
            moment(each.closed_at),
        )
        for each in list_similar(dispute)
    ]
    columns = ("Dispute", "Outcome", "The scheme's code", "Evidence", "Amount", "Closed")
    return Table(
        "How similar disputes ended",
        columns,
        rows,
        "No dispute for this reason has ended within a year.",
        numbers=(4,),
    )


def _excerpt(text: str) -> str:
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"


def _timeline(dispute: Dispute) -> Timeline:
    events = Event.objects.filter(object_id=dispute.id).order_by("-sequence")[:_EVENTS_MAX]
    happened = [
        Happening(
            at=event.created_at,
            text=words(event.type.removeprefix("charge.dispute.")),
            actor=event.actor.partition(":")[2] or words(event.actor),
            note=words(event.data.get("status", "")),
        )
        for event in events
    ]
    return Timeline(
        "Timeline",
        sorted([*happened, *_work_on(dispute)], key=lambda each: each.at, reverse=True),
    )


def _work_on(dispute: Dispute) -> list[Happening]:
    """Return what people did to the draft, and who was given the work, from its history."""
    kept = DisputeCase.history.filter(dispute_id=dispute.id).select_related(
        "assignee", "history_user"
    )
    versions = list(kept.order_by("-history_date")[: _EVENTS_MAX + 1])
    told = []
    for now, before in zip(versions, [*versions, None][1:], strict=True):
        note = _changes(now, before)
        if note:
            told.append(
                Happening(
                    at=now.history_date,
                    text="Work on the answer",
                    actor=str(now.history_user or "the API"),
                    note=note,
                )
            )
    return told


def _changes(now: Any, before: Any) -> str:
    draft = before.evidence if before else {}
    names = [
        field.label
        for name, field in FIELDS.items()
        if draft.get(name, "") != now.evidence.get(name, "")
    ]
    if read_draft(draft) != read_draft(now.evidence):
        names.append(COMPELLING_LABEL)
    notes = [f"Draft: {', '.join(names)}"] if names else []
    if now.assignee_id != (before.assignee_id if before else None):
        notes.append(f"Assigned to {now.assignee or 'nobody'}")
    return "; ".join(notes)


def _deadline(dispute: Dispute, case: DisputeCase | None) -> Facts:
    ours = answer_by(dispute.due_at, buffer=buffer_of(dispute.scope))
    now = now_for(dispute, timezone.now())
    return Facts(
        "Deadline",
        [
            ("Left", due_chip(dispute, ours, now=now)),
            ("Can be answered", answering_in_words(dispute, now=now)),
            ("Answer by", moment(ours)),
            ("The gateway's deadline", moment(dispute.due_at)),
            ("Submitted", moment(dispute.submitted_at)),
            ("Assigned to", _assignee(case)),
        ],
    )


def _packet(dispute: Dispute) -> Facts:
    url = reverse("admin:disputes_dispute_packet", args=[dispute.id])
    sent = find_submission(dispute)
    if sent is None or sent.packet is None:
        return Facts("Packet", [("Preview", link(url, "What the bank would get (PDF)"))])
    return Facts(
        "Packet",
        [
            ("As it was sent", link(url, f"{sent.packet.pages} page(s), PDF")),
            ("SHA-256", identifier(sent.sha256)),
            ("Confirmed by the gateway", moment(sent.sent_at)),
            ("Submitted by", sent.submitted_by.partition(":")[2]),
        ],
    )


def _money(dispute: Dispute) -> Facts:
    currency = dispute.funds_currency or dispute.currency
    return Facts(
        "Money",
        [
            ("Disputed", money(dispute.amount, dispute.currency)),
            ("Withdrawn by the gateway", money(dispute.amount_withdrawn, currency)),
            ("Fees", money(dispute.amount_fees, currency)),
            ("Booked as lost", money(dispute.amount_lost, currency)),
            ("Payment may be refunded", "Yes" if dispute.is_charge_refundable else "No"),
        ],
    )


def _outcomes(dispute: Dispute) -> Facts:
    counts = count_outcomes(dispute.scope, reason=dispute.reason)
    rate = win_rate(won=counts.won, lost=counts.lost)
    return Facts(
        "Win rate of this reason",
        [
            ("Won", str(counts.won)),
            ("Lost", str(counts.lost)),
            ("Win rate", rate_in_words(rate)),
        ],
    )


def _details(dispute: Dispute) -> Facts:
    payment = reverse("admin:payments_paymentintent_change", args=[dispute.intent_id])
    return Facts(
        "Details",
        [
            ("Payment", link(payment, dispute.intent_id)),
            ("Refund", identifier(dispute.refund_id)),
            ("Round", str(dispute.round)),
            ("Gateway", dispute.gateway),
            ("Gateway's reference", identifier(dispute.gateway_reference)),
            ("Opened", moment(dispute.opened_at)),
            ("Closed", moment(dispute.closed_at)),
        ],
    )
