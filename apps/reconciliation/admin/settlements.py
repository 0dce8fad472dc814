"""A gateway's payout to our bank on one page: what the ledger, the gateway and the bank say."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

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
from apps.backoffice.kit.filters import AmountFilter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Drawings, Facts, Page, Panel, Table, Text
from apps.reconciliation.admin.display import settlement_chip
from apps.reconciliation.admin.drawings import draw_payout
from apps.reconciliation.admin.filters import GatewayFilter
from apps.reconciliation.models import Settlement
from apps.reconciliation.selectors import PayoutPart, list_payout_parts


@admin.register(Settlement)
class SettlementAdmin(ObjectAdmin):
    """Payouts of gateways to our bank."""

    search_help_text = "Id of the settlement, or the gateway's of the payout"
    list_display = ("what", "announced", "lines", "bank", "paid", "state")
    list_filter = ("status", GatewayFilter, AmountFilter, "livemode")
    tabs = (
        ("All", ""),
        ("Do not agree", "status__exact=announced"),
        ("On their way", "status__exact=in_transit"),
        ("Received", "status__exact=received"),
        ("Came back", "status__exact=failed"),
    )
    export_columns = (
        Column("Id", lambda row: str(row.pk)),
        Column("Gateway", lambda row: str(row.gateway)),
        Column("Payout", lambda row: str(row.reference)),
        Column("Status", lambda row: str(row.status)),
        Column("Announced", lambda row: major(row.amount, row.currency)),
        Column("Its lines", lambda row: major(row.lines_net, row.currency)),
        Column("Bank", lambda row: major(row.bank_amount, row.currency)),
        Column("Currency", lambda row: str(row.currency)),
        Column("Paid on", lambda row: row.paid_on.isoformat()),
    )

    @admin.display(description="Payout")
    def what(self, row: Settlement) -> SafeString:
        """Return the gateway's name of it."""
        return stacked(row.reference, f"{row.gateway} · {row.id}")

    @admin.display(description="Announced")
    def announced(self, row: Settlement) -> str:
        """Return what the gateway says it paid."""
        return money(row.amount, row.currency)

    @admin.display(description="Its lines")
    def lines(self, row: Settlement) -> str:
        """Return what the lines in it add up to."""
        return "manual" if row.is_manual else money(row.lines_net, row.currency)

    @admin.display(description="Bank")
    def bank(self, row: Settlement) -> str:
        """Return what the bank received."""
        return money(row.bank_amount, row.currency)

    @admin.display(description="Paid on")
    def paid(self, row: Settlement) -> str:
        """Return the day."""
        return row.paid_on.isoformat()

    @admin.display(description="Status")
    def state(self, row: Settlement) -> SafeString:
        """Return how far it is."""
        return settlement_chip(row.status)

    def look_up(self, term: str) -> Q | None:
        """Search by our id or the gateway's."""
        return Q(pk=term) | Q(reference=term)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return the three sums side by side, and what they are made of."""
        parts = list_payout_parts(obj)
        return Page(
            heading=money(obj.amount, obj.currency),
            chips=(
                settlement_chip(obj.status),
                mode_chip(livemode=obj.livemode),
            ),
            subtitle=identifier(obj.reference),
            main=(_three_sums(obj, parts), *_drawing(obj, parts), _parts(obj, parts)),
            side=(
                Facts(
                    "Booked",
                    [
                        ("Left the gateway", _entry(obj.entry_id)),
                        ("Arrived at the bank", _entry(obj.received_entry_id)),
                    ],
                ),
                Facts(
                    "Details",
                    [
                        ("Gateway", obj.gateway),
                        ("Paid on", obj.paid_on.isoformat()),
                        *_in_all(obj),
                        ("Settlement", identifier(obj.id)),
                        ("Merchant", obj.merchant_id),
                        ("Heard of", moment(obj.created_at)),
                    ],
                ),
            ),
        )


def _in_all(row: Settlement) -> list[tuple[str, Text]]:
    """Return the whole payout where this is a merchant's part of it, and whose leads it."""
    if not row.others_amount:
        return []
    lead = row.follows and identifier(row.follows.id)
    return [("Paid out in all", money(row.total, row.currency)), ("Goes with", lead or NOTHING)]


def _three_sums(row: Settlement, parts: list[PayoutPart]) -> Table:
    """Return ledger, gateway and bank beside the announced amount; all must be the same."""
    ledger = None if row.is_manual else sum(part.booked for part in parts)
    lines = None if row.is_manual else sum(part.net for part in parts)
    sums = [
        ("Ledger", "What the entries of its lines moved", ledger),
        ("Gateway", "What its lines add up to", lines),
        ("Gateway", "What it announced", row.amount),
        ("Bank", "What arrived", row.bank_amount),
    ]
    return Table(
        "Three ways",
        ("Book", "What", "Sum", "Agrees"),
        [
            (book, what, money(amount, row.currency), _agreement(amount, row))
            for book, what, amount in sums
        ],
        empty="",
        numbers=(2,),
    )


def _drawing(row: Settlement, parts: list[PayoutPart]) -> list[Panel]:
    """Return the way from gross to net, when lines tell it."""
    return [Drawings([draw_payout(row, parts)])] if parts else []


def _agreement(amount: int | None, row: Settlement) -> Text:
    if amount is None:
        return chip("Not known")
    if amount == row.amount:
        return chip("To the cent", Tone.GOOD)
    return chip(f"{money(amount - row.amount, row.currency)} off", Tone.BAD)


def _parts(row: Settlement, parts: list[PayoutPart]) -> Table:
    return Table(
        "What is in it",
        ("Kind", "Lines", "Gross", "Fee", "Net", "Ledger", "Difference"),
        [
            (
                words(part.kind),
                f"{part.lines:,}",
                *(
                    money(amount, row.currency)
                    for amount in (part.gross, part.fee, part.net, part.booked)
                ),
                chip(money(part.difference, row.currency), Tone.BAD)
                if part.difference
                else NOTHING,
            )
            for part in parts
        ],
        empty="No line names this payout: only the balance before it could be checked.",
        numbers=(1, 2, 3, 4, 5, 6),
    )


def _entry(entry_id: str) -> Text:
    if not entry_id:
        return NOTHING
    return link(reverse("admin:ledger_journalentry_change", args=[entry_id]), entry_id)
