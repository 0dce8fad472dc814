"""What sellers get, and what was taken back of it."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.backoffice.kit.columns import Column
from apps.backoffice.kit.display import NOTHING, identifier, link, moment, money, stacked
from apps.backoffice.kit.filters import created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Table, Text
from apps.common.money import to_major
from apps.ledger.recipes.sellers import TRANSFER, TRANSFER_REVERSAL
from apps.payouts.admin.display import bookings, seller_link, status_chip, timeline
from apps.payouts.models import Transfer, TransferReversal

# Far beyond what a transfer has; bounds the page.
MAX_REVERSALS = 100


@admin.register(Transfer)
class TransferAdmin(ObjectAdmin):
    """Shares of payments, and what was given to sellers apart from any."""

    search_help_text = "Transfer, seller or charge"
    list_display = ("what", "amount_in", "taken_back", "state", "of", "at")
    list_filter = ("status", "livemode", "from_capture", created_filter("tr"))
    tabs = (
        ("All", ""),
        ("Pending", "status__exact=pending"),
        ("Reversed", "status__exact=reversed"),
    )
    export_columns = (
        Column("Id", lambda row: str(row.pk)),
        Column("Seller", lambda row: str(row.seller_id)),
        Column("Status", lambda row: str(row.status)),
        Column("Amount", lambda row: to_major(row.amount, row.currency)),
        Column("Taken back", lambda row: to_major(row.amount_reversed, row.currency)),
        Column("Platform fee", lambda row: to_major(row.fee_amount, row.currency)),
        Column("Currency", lambda row: str(row.currency)),
        Column("Charge", lambda row: str(row.source_transaction)),
        Column("Created (UTC)", lambda row: row.created_at),
    )

    @admin.display(description="Transfer")
    def what(self, transfer: Transfer) -> SafeString:
        """Return the transfer's id and its seller's."""
        return stacked(format_html("<code>{}</code>", transfer.id), transfer.seller_id)

    @admin.display(description="Amount")
    def amount_in(self, transfer: Transfer) -> str:
        """Return what the seller got."""
        return money(transfer.amount, transfer.currency)

    @admin.display(description="Taken back")
    def taken_back(self, transfer: Transfer) -> str:
        """Return what was taken back of it."""
        if not transfer.amount_reversed:
            return NOTHING
        return money(transfer.amount_reversed, transfer.currency)

    @admin.display(description="Status")
    def state(self, transfer: Transfer) -> SafeString:
        """Return the status."""
        return status_chip(transfer.status)

    @admin.display(description="Of")
    def of(self, transfer: Transfer) -> Text:
        """Return the charge of which it is a part."""
        return transfer.source_transaction or NOTHING

    @admin.display(description="Created")
    def at(self, transfer: Transfer) -> Text:
        """Return when."""
        return moment(transfer.created_at)

    def look_up(self, term: str) -> Q | None:
        """Search by the transfer's id, its seller's, or its charge's."""
        of_charge = Q(source_transaction=term) & ~Q(source_transaction="")
        return Q(pk=term) | Q(seller_id=term) | of_charge

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return what was taken back, what happened, and what was booked."""
        reversals = list(
            TransferReversal.objects.filter(transfer=obj).order_by("-pk")[:MAX_REVERSALS]
        )
        booked = Q(source_type=TRANSFER, source_id=obj.id) | Q(
            source_type=TRANSFER_REVERSAL, source_id__in=[row.id for row in reversals]
        )
        return Page(
            heading=money(obj.amount, obj.currency),
            chips=(status_chip(obj.status),),
            subtitle=identifier(obj.id),
            main=(
                _reversal_table(obj, reversals),
                timeline(obj.id, note=lambda event: _amount_note(obj, event.data)),
                bookings(booked),
            ),
            side=(_details(obj),),
        )


def _reversal_table(transfer: Transfer, reversals: list[TransferReversal]) -> Table:
    return Table(
        "Taken back",
        ("Reversal", "Amount", "Of our fee", "Because of", "Created", "Given again"),
        [
            (
                identifier(row.id),
                money(row.amount, transfer.currency),
                money(row.fee_amount, transfer.currency),
                identifier(row.source),
                moment(row.created_at),
                moment(row.undone_at),
            )
            for row in reversals
        ],
        empty="Nothing was taken back.",
        numbers=(1, 2),
    )


def _amount_note(transfer: Transfer, data: dict[str, Any]) -> str:
    return money(data["amount"], transfer.currency) if data.get("amount") else ""


def _details(transfer: Transfer) -> Facts:
    currency = transfer.currency
    return Facts(
        "Details",
        [
            ("Seller", seller_link(transfer.seller_id)),
            ("Payment", _payment_link(transfer.source_transaction)),
            ("Our fee", money(transfer.fee_amount, currency)),
            ("Our fee given back", money(transfer.fee_returned, currency)),
            ("Held back", money(transfer.reserve_amount, currency)),
            ("Next look", moment(transfer.due_at)),
            ("Group", transfer.transfer_group or NOTHING),
            ("Description", transfer.description or NOTHING),
            ("Created", moment(transfer.created_at)),
        ],
    )


def _payment_link(charge_id: str) -> Text:
    """Return the way to the payment; its list finds it by the charge."""
    if not charge_id:
        return NOTHING
    found = f"{reverse('admin:payments_paymentintent_changelist')}?{urlencode({'q': charge_id})}"
    return link(found, charge_id)
