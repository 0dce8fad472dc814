"""Money on its way to sellers' banks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.backoffice.kit.columns import Column, major
from apps.backoffice.kit.dialogs import Dialog, Outcome, ReasonForm
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    identifier,
    moment,
    money,
    stacked,
    words,
)
from apps.backoffice.kit.filters import AmountFilter, created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Text
from apps.common.origin import Origin
from apps.ledger.recipes.sellers import PAYOUT
from apps.payouts.admin.display import bookings, seller_link, status_chip, timeline
from apps.payouts.models import Payout
from apps.payouts.services.payouts import cancel_payout
from apps.payouts.states import PayoutStatus


class CancelPayoutDialog(Dialog):
    """Give a payout up before it leaves."""

    name = "cancel-payout"
    label = "Cancel…"
    permission = "payouts.send_payout"
    form_class = ReasonForm
    submit = "Cancel the payout"
    needs_fresh_factor = True
    is_dangerous = True
    subject: Payout

    def is_offered(self) -> bool:
        """Only before a request may have left."""
        return bool(self.subject.status == PayoutStatus.PENDING and self.subject.sent_at is None)

    def look(self) -> Mapping[str, Any]:
        """Return the status."""
        return Payout.objects.values("status").get(pk=self.subject.pk)

    def work(self, _answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Cancel."""
        cancel_payout(scope=self.subject.scope, payout_id=self.subject.id, origin=origin, now=now)
        return Outcome(message="Canceled; the money is in the wallet again.")


@admin.register(Payout)
class PayoutAdmin(ObjectAdmin):
    """Money on its way to sellers' banks; asked for on the seller's page, or by the clock."""

    search_help_text = "Payout, seller or gateway reference"
    list_display = ("what", "amount_out", "state", "by", "at")
    list_filter = ("status", AmountFilter, created_filter("po"), "livemode", "automatic")
    tabs = (
        ("All", ""),
        ("Waiting", "status__exact=pending"),
        ("On the way", "status__exact=in_transit"),
        ("Failed", "status__exact=failed"),
    )
    export_columns = (
        Column("Id", lambda row: str(row.pk)),
        Column("Seller", lambda row: str(row.seller_id)),
        Column("Status", lambda row: str(row.status)),
        Column("Amount", lambda row: major(row.amount, row.currency)),
        Column("Currency", lambda row: str(row.currency)),
        Column("Gateway", lambda row: str(row.gateway)),
        Column("Gateway reference", lambda row: str(row.gateway_reference)),
        Column("Asked by", lambda row: str(row.requested_by)),
        Column("Created (UTC)", lambda row: row.created_at),
    )
    dialogs = (CancelPayoutDialog,)

    @admin.display(description="Payout")
    def what(self, payout: Payout) -> SafeString:
        """Return the payout's id and its seller's."""
        return stacked(format_html("<code>{}</code>", payout.id), payout.seller_id)

    @admin.display(description="Amount")
    def amount_out(self, payout: Payout) -> str:
        """Return how much."""
        return money(payout.amount, payout.currency)

    @admin.display(description="Status")
    def state(self, payout: Payout) -> SafeString:
        """Return the status."""
        if payout.waits_for_approval:
            return chip("Waits for approval", Tone.BUSY)
        return status_chip(payout.status)

    @admin.display(description="Asked by")
    def by(self, payout: Payout) -> str:
        """Return who asked for it."""
        return payout.requested_by

    @admin.display(description="Created")
    def at(self, payout: Payout) -> Text:
        """Return when."""
        return moment(payout.created_at)

    def look_up(self, term: str) -> Q | None:
        """Search by the payout's id, its seller's, or the gateway's."""
        return (
            Q(pk=term) | Q(seller_id=term) | (Q(gateway_reference=term) & ~Q(gateway_reference=""))
        )

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return what happened to the payout, and what was booked."""
        return Page(
            heading=money(obj.amount, obj.currency),
            chips=(self.state(obj),),
            subtitle=identifier(obj.id),
            main=(
                timeline(obj.id, note=lambda event: str(event.data.get("code", ""))),
                bookings(Q(source_type=PAYOUT, source_id=obj.id)),
            ),
            side=(
                Facts(
                    "Details",
                    [
                        ("Seller", seller_link(obj.seller_id)),
                        ("Asked by", obj.requested_by),
                        ("Agreed to by", obj.approved_by or NOTHING),
                        ("Failure", words(obj.failure_code or NOTHING)),
                        ("Gateway", obj.gateway),
                        ("Gateway's reference", identifier(obj.gateway_reference)),
                        ("Sent", moment(obj.sent_at)),
                        ("Created", moment(obj.created_at)),
                    ],
                ),
            ),
        )
