"""Banks' early warnings of fraud: which of these payments to give back before they are disputed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.backoffice.kit.columns import Column, major
from apps.backoffice.kit.dialogs import Dialog, Outcome, ReasonForm
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
from apps.backoffice.kit.filters import created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Table, Text
from apps.backoffice.selectors import refund_limits
from apps.common.origin import Origin
from apps.disputes.admin.display import left_chip, rate_in_words
from apps.disputes.admin.filters import NetworkFilter
from apps.disputes.models import DisputePolicy, FraudReport
from apps.disputes.prevention import REFUND_WITHIN, Prospect, weigh_refund, with_openness
from apps.disputes.selectors import find_policy
from apps.payments.outcomes import outcome_of
from apps.payments.services.approvals import refund_by_staff

_TO_DECIDE, _SETTLED = "since=nothing", "since=something"


class SinceFilter(admin.SimpleListFilter):
    """Warnings after which nothing happened yet, and the others."""

    title = "since then"
    parameter_name = "since"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [("nothing", "To decide"), ("something", "Refunded or disputed")]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the warnings of the choice; something else chooses nothing."""
        if self.value() not in {"nothing", "something"}:
            return queryset
        return queryset.filter(is_open=self.value() == "nothing")


class PreventDialog(Dialog):
    """Give the money back before the bank takes it."""

    subject: Any
    name = "refund-to-prevent"
    label = "Refund to prevent…"
    permission = "backoffice.refund_payment"
    form_class = ReasonForm
    submit = "Refund the payment"
    needs_fresh_factor = True

    def is_offered(self) -> bool:
        """Return whether a refund still spares a dispute."""
        return bool(self.subject.is_open and self.subject.attempt.intent.amount_refundable)

    def look(self) -> Mapping[str, Any]:
        """Return what was given back of the payment."""
        intent = self.subject.attempt.intent
        intent.refresh_from_db()
        return {
            "refunded": intent.amount_refunded,
            "pending": intent.amount_refund_pending,
            "currency": intent.currency,
        }

    def explanation(self) -> str:
        """Say what a refund does and does not do."""
        return (
            "The payer gets back what is left, which mostly spares the dispute. The warning itself"
            " still counts for the card scheme's ratio."
        )

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return the price of either way, and what the merchant ordered."""
        prospect = weigh_refund(self.subject, now=timezone.now())
        currency = self.subject.attempt.currency
        return [
            ("A refund now costs", money(prospect.refund, currency)),
            ("A lost dispute costs", money(prospect.dispute_lost, currency)),
            ("A won dispute costs", money(prospect.dispute_won, currency)),
            ("Win rate for fraud", rate_in_words(prospect.rate)),
            ("Standing orders", _orders_in_words(find_policy(self.subject.scope), currency)),
        ]

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Give back what is left, or ask a second person."""
        report = self.subject
        refund = refund_by_staff(
            scope=report.scope,
            intent_id=report.intent_id,
            amount=report.attempt.intent.amount_refundable,
            reason="fraudulent",
            note=answers["reason"],
            limits=refund_limits(self.user),
            origin=origin,
            now=now,
        )
        return outcome_of(refund)


@admin.register(FraudReport)
class FraudReportAdmin(ObjectAdmin):
    """Banks' warnings; those about which something can be done first of all."""

    search_help_text = "Warning, payment or gateway reference"
    list_display = ("what", "amount_paid", "why", "refund_by", "since", "at")
    list_filter = (SinceFilter, NetworkFilter, "livemode", created_filter("issfr"))
    tabs = (("All", ""), ("To decide", _TO_DECIDE), ("Refunded or disputed", _SETTLED))
    dialogs = (PreventDialog,)
    export_columns = (
        Column("Id", lambda row: str(row.pk)),
        Column("Payment", lambda row: str(row.intent_id)),
        Column("Amount", lambda row: major(row.attempt.amount_captured, row.attempt.currency)),
        Column("Currency", lambda row: str(row.attempt.currency)),
        Column("Kind", lambda row: str(row.kind)),
        Column("Network", lambda row: str(row.network)),
        Column("To decide", lambda row: row.is_open),
        Column("Disputed", lambda row: row.is_disputed),
        Column("Refunded", lambda row: major(_refunded(row), row.attempt.currency)),
        Column("Received (UTC)", lambda row: row.created_at),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the warnings with what became of their payments."""
        return with_openness(super().get_queryset(request))

    @admin.display(description="Warning")
    def what(self, report: FraudReport) -> SafeString:
        """Return the warning's id and its payment's."""
        return stacked(format_html("<code>{}</code>", report.id), report.intent_id)

    @admin.display(description="Amount")
    def amount_paid(self, report: FraudReport) -> str:
        """Return what was paid."""
        return money(report.attempt.amount_captured, report.attempt.currency)

    @admin.display(description="Kind")
    def why(self, report: FraudReport) -> SafeString:
        """Return the bank's word and the scheme that passed it on."""
        return stacked(words(report.kind), words(report.network))

    @admin.display(description="Refund within")
    def refund_by(self, report: Any) -> Text:
        """Return what is left until a refund will hardly spare a dispute."""
        if not report.is_open:
            return NOTHING
        return left_chip(report.created_at + REFUND_WITHIN, now=timezone.now())

    @admin.display(description="Since then")
    def since(self, report: Any) -> SafeString:
        """Return what became of the payment."""
        return _since_chip(report)

    @admin.display(description="Received")
    def at(self, report: FraudReport) -> Text:
        """Return when the bank's warning came in."""
        return moment(report.created_at)

    def look_up(self, term: str) -> Q | None:
        """Search by the warning's id, its payment's, or the gateway's."""
        return Q(pk=term) | Q(intent_id=term) | Q(gateway_reference=term)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return what the bank says, and what either way costs."""
        attempt, prospect = obj.attempt, weigh_refund(obj, now=timezone.now())
        return Page(
            heading=money(attempt.amount_captured, attempt.currency),
            chips=(
                chip(words(obj.kind), Tone.BAD),
                _since_chip(obj),
                mode_chip(livemode=obj.livemode),
            ),
            subtitle=identifier(obj.id),
            main=(_warning(obj), _prices(prospect, attempt.currency)),
            side=(_advice(obj, prospect), _details(obj)),
        )


def _refunded(report: Any) -> int:
    return int(report.attempt.intent.amount_refunded)


def _since_chip(report: Any) -> SafeString:
    if report.is_disputed:
        return chip("Disputed", Tone.BAD)
    if report.attempt.intent.amount_refund_pending:
        return chip("Refund under way", Tone.BUSY)
    if not report.is_open:
        return chip("Refunded" if _refunded(report) else "Nothing to do", Tone.NEUTRAL)
    return chip("Partly refunded" if _refunded(report) else "Nothing yet", Tone.WARNING)


def _warning(report: Any) -> Facts:
    left = left_chip(report.created_at + REFUND_WITHIN, now=timezone.now())
    return Facts(
        "The warning",
        [
            ("What the bank says", words(report.kind)),
            ("Scheme", words(report.network) or NOTHING),
            ("Refund within", left if report.is_open else NOTHING),
            ("Refunded so far", money(_refunded(report), report.attempt.currency)),
        ],
    )


def _prices(prospect: Prospect, currency: str) -> Table:
    fee = NOTHING if prospect.fee is None else money(prospect.fee, currency)
    rows: list[Sequence[Text]] = [
        ("Refund now", money(prospect.refund, currency), NOTHING, money(prospect.refund, currency)),
        (
            "Disputed and lost",
            money(prospect.refund, currency),
            fee,
            money(prospect.dispute_lost, currency),
        ),
        ("Disputed and won", NOTHING, fee, money(prospect.dispute_won, currency)),
    ]
    columns = ("If", "The payer gets", "Dispute fee", "Costs")
    return Table("What either way costs", columns, rows, "Nothing.", numbers=(1, 2, 3))


def _advice(report: Any, prospect: Prospect) -> Facts:
    policy = find_policy(report.scope)
    orders: Text = _orders_in_words(policy, report.attempt.currency)
    if policy is not None:
        orders = link(reverse("admin:disputes_disputepolicy_change", args=[policy.pk]), orders)
    return Facts(
        "What else counts",
        [("Win rate for fraud", rate_in_words(prospect.rate)), ("Standing orders", orders)],
    )


def _orders_in_words(policy: DisputePolicy | None, currency: str) -> str:
    limit = policy.refund_warnings_below.get(currency, 0) if policy else 0
    return f"Refund warnings below {money(limit, currency)}" if limit else "None for warnings"


def _details(report: Any) -> Facts:
    return Facts(
        "Details",
        [
            ("Payment", identifier(report.intent_id)),
            ("Gateway", report.gateway),
            ("Gateway's reference", identifier(report.gateway_reference)),
            ("Received", moment(report.created_at)),
        ],
    )
