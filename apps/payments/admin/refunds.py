"""The list of refunds, and the page of one."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apps.backoffice.kit.columns import Column
from apps.backoffice.kit.dialogs import Dialog, Outcome, ReasonForm
from apps.backoffice.kit.display import (
    NOTHING,
    age,
    copyable,
    identifier,
    mode_chip,
    moment,
    money,
    stacked,
    words,
)
from apps.backoffice.kit.filters import AmountFilter, created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Happening, Page, Text, Timeline
from apps.backoffice.selectors import find_approvals, refund_limits
from apps.common.money import to_major
from apps.common.origin import Origin, scope_of
from apps.outbox.models import Event
from apps.outbox.timeline import actor_in_words
from apps.payments.admin.filters import AskedByFilter, ReasonFilter
from apps.payments.admin.intents import method_in_words, payment_link
from apps.payments.admin.statuses import refund_chip
from apps.payments.models import Refund
from apps.payments.outcomes import outcome_of
from apps.payments.services.approvals import retry_refund_by_staff
from apps.payments.states import RefundStatus

# Banks put a refund on the account after five to ten working days.
BANKS_NEED: Final = timedelta(days=14)


class RetryDialog(Dialog):
    """Give the money back once more that a refund did not bring."""

    subject: Refund
    name = "retry"
    label = "Retry…"
    permission = "backoffice.refund_payment"
    form_class = ReasonForm
    submit = "Refund again"
    needs_fresh_factor = True

    def is_offered(self) -> bool:
        """Return whether it failed and nobody tried it again."""
        refund = self.subject
        return refund.may_be_retried and not Refund.objects.filter(retry_of_id=refund.pk).exists()

    def explanation(self) -> str:
        """Say what follows."""
        return "A new refund of the same amount, within your limits like any other."

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what goes back, why, and what stopped it the first time."""
        refund = self.subject
        return [
            ("Amount", money(refund.amount, refund.currency)),
            ("Reason", words(refund.reason) or NOTHING),
            ("Failure", words(refund.failure_reason)),
        ]

    def look(self) -> Mapping[str, Any]:
        """Return where the refund stands, and what tried it again."""
        retries = Refund.objects.filter(retry_of_id=self.subject.pk).values_list("pk", flat=True)
        status = Refund.objects.values_list("status", flat=True).get(pk=self.subject.pk)
        return {"status": status, "retries": list(retries)}

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Refund again."""
        refund = retry_refund_by_staff(
            scope=scope_of(self.subject),
            refund_id=self.subject.pk,
            note=answers["reason"],
            limits=refund_limits(self.user),
            origin=origin,
            now=now,
        )
        return outcome_of(refund)


@admin.register(Refund)
class RefundAdmin(ObjectAdmin):
    """Money on its way back; asked for on the page of its payment."""

    search_help_text = "Refund, payment, or a reference of the gateway or the bank"
    list_display = ("what", "amount_back", "state", "asked_by", "at")
    list_filter = (
        "status",
        created_filter("re"),
        AmountFilter,
        ReasonFilter,
        AskedByFilter,
        "livemode",
    )
    dialogs = (RetryDialog,)
    tabs = (
        ("All", ""),
        ("Under way", "status__exact=pending"),
        ("Waiting for approval", "status__exact=requires_approval"),
        ("Failed", "status__exact=failed"),
    )
    export_columns = (
        Column("Id", lambda row: str(row.pk)),
        Column("Payment", lambda row: str(row.intent_id)),
        Column("Status", lambda row: str(row.status)),
        Column("Amount", lambda row: to_major(row.amount, row.currency)),
        Column("Currency", lambda row: str(row.currency)),
        Column("Reason", lambda row: str(row.reason)),
        Column("Failure", lambda row: str(row.failure_reason)),
        Column("Bank's reference", lambda row: str(row.bank_reference)),
        Column("Asked by", lambda row: str(row.actor)),
        Column("Created (UTC)", lambda row: row.created_at),
    )

    @admin.display(description="Refund")
    def what(self, refund: Refund) -> SafeString:
        """Return the refund's id and its payment's."""
        return stacked(format_html("<code>{}</code>", refund.id), refund.intent_id)

    @admin.display(description="Amount")
    def amount_back(self, refund: Refund) -> SafeString:
        """Return what goes back and why, or why not."""
        why = words(refund.failure_reason or refund.reason or NOTHING)
        return stacked(money(refund.amount, refund.currency), why)

    @admin.display(description="Status")
    def state(self, refund: Refund) -> SafeString:
        """Return the status."""
        return refund_chip(refund.status)

    def prepare(self, rows: list[Any]) -> None:
        """Load who agreed to each refund, where a second person had to."""
        approvals = find_approvals(row.pk for row in rows)
        for row in rows:
            row.shown_approval = approvals.get(row.pk)

    @admin.display(description="Asked by")
    def asked_by(self, refund: Any) -> SafeString | str:
        """Return who asked for it, and who agreed."""
        asked, approval = actor_in_words(refund.actor), refund.shown_approval
        if approval is None or not approval.decided_by:
            return asked
        decided = gettext("%(status)s by %(person)s") % {
            "status": words(approval.status),
            "person": actor_in_words(approval.decided_by),
        }
        return stacked(asked, decided)

    @admin.display(description="Created")
    def at(self, refund: Refund) -> SafeString:
        """Return when, and how long ago that is."""
        return stacked(moment(refund.created_at), age(refund.created_at, now=timezone.now()))

    def look_up(self, term: str) -> Q | None:
        """Search by the refund's id, its payment's, or the gateway's."""
        return (
            Q(pk=term)
            | Q(intent_id=term)
            | (Q(gateway_reference=term) & ~Q(gateway_reference=""))
            | (Q(bank_reference=term) & ~Q(bank_reference=""))
        )

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return what happened to the refund."""
        events = list(Event.objects.filter(object_id=obj.id).order_by("-sequence")[:100])
        return Page(
            heading=money(obj.amount, obj.currency),
            chips=(refund_chip(obj.status), mode_chip(livemode=obj.livemode)),
            subtitle=identifier(obj.id),
            main=(
                Timeline(
                    "Timeline",
                    [
                        Happening(
                            at=event.created_at,
                            text=words(str(event.object.get("status", event.type))),
                            actor=actor_in_words(event.actor),
                            note=event.object.get("failure_reason") or "",
                        )
                        for event in events
                    ],
                ),
            ),
            side=(
                *_for_the_customer(obj),
                Facts(
                    "Details",
                    [
                        ("Payment", payment_link(obj.intent_id)),
                        ("Attempt", identifier(obj.attempt_id)),
                        ("Reason", words(obj.reason or NOTHING)),
                        ("Failure", words(obj.failure_reason or NOTHING)),
                        ("Asked by", actor_in_words(obj.actor)),
                        *_second_person(obj),
                        *_retries(obj),
                        ("Gateway's reference", identifier(obj.gateway_reference)),
                        ("Bank's reference", _bank_reference(obj)),
                        ("Created", moment(obj.created_at)),
                    ],
                ),
            ),
        )


def _second_person(refund: Refund) -> list[tuple[str, Text]]:
    """Return the request that somebody else decided, or has to, where there is one."""
    approval = find_approvals([refund.pk]).get(refund.pk)
    if approval is None:
        return []
    decided = actor_in_words(approval.decided_by) if approval.decided_by else NOTHING
    return [
        ("Approval", stacked(identifier(approval.pk), words(approval.status))),
        ("Decided by", decided),
    ]


def _retries(refund: Refund) -> list[tuple[str, Text]]:
    """Return what it tries again, and what tried it again."""
    again = Refund.objects.filter(retry_of_id=refund.pk).first()
    rows = {"Retry of": refund.retry_of_id or "", "Retried as": again.pk if again else ""}
    return [(name, identifier(id_)) for name, id_ in rows.items() if id_]


def _bank_reference(refund: Refund) -> Text:
    """Return by what the payer's bank finds the money, and what kind of number that is."""
    if not refund.bank_reference:
        return words("not_known_yet")
    return stacked(identifier(refund.bank_reference), words(refund.bank_reference_type))


def _for_the_customer(refund: Refund) -> tuple[Facts, ...]:
    """Return what support may tell the payer, ready to be copied, in the reader's language."""
    if refund.status not in {RefundStatus.SUCCEEDED, RefundStatus.PENDING}:
        return ()
    text = gettext(
        "We have sent %(amount)s back to your %(method)s. It should be on your account by %(day)s."
        " Should it not, your bank finds it by this reference: %(reference)s."
    ) % {
        "amount": money(refund.amount, refund.currency),
        "method": method_in_words(refund.attempt),
        "day": date_format(refund.created_at + BANKS_NEED, "DATE_FORMAT"),
        "reference": refund.bank_reference or refund.gateway_reference or refund.id,
    }
    return (Facts("Message for the customer", [("Text", copyable(text))]),)
