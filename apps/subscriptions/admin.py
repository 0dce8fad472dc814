"""Subscriptions and invoices in the back-office."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.backoffice.kit.display import (
    Tone,
    chip,
    identifier,
    link,
    moment,
    money,
    stacked,
    words,
)
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Happening, Page, Table, Text, Timeline
from apps.common.origin import Scope
from apps.outbox.models import Event
from apps.subscriptions.models import Invoice, Subscription
from apps.subscriptions.policies.mrr import monthly
from apps.subscriptions.policies.proration import round_half_up
from apps.subscriptions.selectors import list_lines, load_contract
from apps.subscriptions.services.changes import ContractChange
from apps.subscriptions.services.subscriptions import preview_update
from apps.subscriptions.states import InvoiceStatus, SubscriptionStatus

LATEST = 20
MAX_EVENTS = 100
S = SubscriptionStatus

_TONES: Mapping[str, Tone] = {
    S.ACTIVE: Tone.GOOD,
    S.TRIALING: Tone.BUSY,
    S.INCOMPLETE: Tone.BUSY,
    S.PAST_DUE: Tone.WARNING,
    S.UNPAID: Tone.BAD,
    InvoiceStatus.PAID: Tone.GOOD,
    InvoiceStatus.OPEN: Tone.BUSY,
    InvoiceStatus.UNCOLLECTIBLE: Tone.BAD,
}


def status_chip(status: str) -> SafeString:
    """Return the status of a subscription or an invoice."""
    return chip(words(status), _TONES.get(status, Tone.NEUTRAL))


def invoice_link(invoice: Invoice) -> SafeString:
    """Return the way to an invoice's page."""
    shown = invoice.number or invoice.id
    return link(reverse("admin:subscriptions_invoice_change", args=[invoice.id]), shown)


def scope_of(subscription: Subscription) -> Scope:
    """Return whose the subscription is."""
    return Scope(subscription.merchant_id, subscription.livemode)


@admin.register(Subscription)
class SubscriptionAdmin(ObjectAdmin):
    """Who pays for what, again and again."""

    search_help_text = "Subscription or customer"
    list_display = ("what", "state", "next_at", "late_since", "at")
    list_filter = ("status", "livemode")
    tabs = (
        ("All", ""),
        ("Active", "status__exact=active"),
        ("Trialing", "status__exact=trialing"),
        ("Past due", "status__exact=past_due"),
        ("Unpaid", "status__exact=unpaid"),
    )

    @admin.display(description="Subscription")
    def what(self, row: Subscription) -> SafeString:
        """Return the subscription's id and its customer's."""
        return stacked(format_html("<code>{}</code>", row.id), row.customer_id)

    @admin.display(description="Status")
    def state(self, row: Subscription) -> SafeString:
        """Return the status; one that is parked needs somebody."""
        return chip("Parked", Tone.BAD) if row.parked_reason else status_chip(str(row.status))

    @admin.display(description="Period ends")
    def next_at(self, row: Subscription) -> Text:
        """Return when the next period begins."""
        return moment(None if row.is_ended else row.current_period_end)

    @admin.display(description="Past due since")
    def late_since(self, row: Subscription) -> Text:
        """Return since when an invoice is unpaid."""
        return moment(row.past_due_since)

    @admin.display(description="Created")
    def at(self, row: Subscription) -> Text:
        """Return when."""
        return moment(row.created_at)

    def look_up(self, term: str) -> Q | None:
        """Search by the subscription's id or its customer's."""
        return Q(pk=term) | Q(customer_id=term)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return the items, the invoices and the one to come."""
        contract = load_contract(obj)
        parts = (monthly(item.amount, contract.interval) for item in contract.items)
        worth = sum(parts, Fraction(0))
        return Page(
            heading=money(round_half_up(worth), obj.currency) + " a month",
            chips=(self.state(obj),),
            subtitle=identifier(obj.id),
            main=(
                Table(
                    "Items",
                    ("Product", "Quantity", "Per period"),
                    [
                        (
                            item.price.product.name,
                            str(item.quantity),
                            money(item.amount, obj.currency),
                        )
                        for item in contract.items
                    ],
                    empty="No items.",
                    numbers=(1, 2),
                ),
                _upcoming(obj),
                _invoices(obj),
                _timeline(obj.id),
            ),
            side=(_facts(obj),),
        )


def _upcoming(row: Subscription) -> Table:
    lines: Sequence[Any] = ()
    if not row.is_ended and row.status != S.PAUSED:
        bill = preview_update(
            scope=scope_of(row),
            subscription_id=row.id,
            change=ContractChange(),
            now=timezone.now(),
        )
        lines = bill.lines
    return Table(
        "Upcoming invoice",
        ("Line", "Amount"),
        [(line.description, money(line.amount, row.currency)) for line in lines],
        empty="Nothing will be billed.",
        numbers=(1,),
    )


def _invoices(row: Subscription) -> Table:
    invoices = Invoice.objects.filter(subscription_id=row.id).order_by("-pk")[:LATEST]
    return Table(
        "Latest invoices",
        ("Invoice", "Total", "Status", "Tries", "Next try"),
        [
            (
                invoice_link(invoice),
                money(invoice.total, invoice.currency),
                status_chip(str(invoice.status)),
                str(invoice.attempt_count),
                moment(invoice.next_payment_attempt),
            )
            for invoice in invoices
        ],
        empty="No invoices yet.",
        numbers=(1, 3),
    )


def _timeline(object_id: str) -> Timeline:
    events = Event.objects.filter(object_id=object_id).order_by("-sequence")[:MAX_EVENTS]
    return Timeline(
        "Timeline",
        [
            Happening(
                at=event.created_at,
                text=words(event.type.rpartition(".")[2]),
                actor=event.actor,
                note="",
            )
            for event in events
        ],
    )


def _facts(row: Subscription) -> Facts:
    return Facts(
        "Details",
        [
            ("Customer", identifier(row.customer_id)),
            ("Period from", moment(row.current_period_start)),
            ("Period to", moment(row.current_period_end)),
            ("Time zone", row.time_zone),
            ("Trial until", moment(row.trial_end)),
            ("Ends at the period's end", "yes" if row.cancel_at_period_end else "no"),
            ("Ended", moment(row.ended_at)),
            ("Test clock", identifier(row.test_clock_id)),
            ("Parked", row.parked_reason),
        ],
    )


@admin.register(Invoice)
class InvoiceAdmin(ObjectAdmin):
    """What customers owe, and how far its collection is."""

    search_help_text = "Invoice, its number, customer or subscription"
    list_display = ("what", "total_shown", "state", "step", "next_try", "at")
    list_filter = ("status", "livemode", "billing_reason")
    tabs = (
        ("All", ""),
        ("Open", "status__exact=open"),
        ("Paid", "status__exact=paid"),
        ("Drafts", "status__exact=draft"),
    )

    @admin.display(description="Invoice")
    def what(self, row: Invoice) -> SafeString:
        """Return the invoice's number and its customer."""
        return stacked(row.number or row.id, row.customer_id)

    @admin.display(description="Total")
    def total_shown(self, row: Invoice) -> str:
        """Return how much."""
        return money(row.total, row.currency)

    @admin.display(description="Status")
    def state(self, row: Invoice) -> SafeString:
        """Return the status."""
        return status_chip(str(row.status))

    @admin.display(description="Dunning step")
    def step(self, row: Invoice) -> str:
        """Return how many slots of the schedule have passed."""
        return str(row.dunning_slot) if row.first_failed_at else ""

    @admin.display(description="Next try")
    def next_try(self, row: Invoice) -> Text:
        """Return when it is tried again."""
        return moment(row.next_payment_attempt)

    @admin.display(description="Created")
    def at(self, row: Invoice) -> Text:
        """Return when."""
        return moment(row.created_at)

    def look_up(self, term: str) -> Q | None:
        """Search by id or number, or by whose it is."""
        return Q(pk=term) | Q(number=term) | Q(customer_id=term) | Q(subscription_id=term)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return the lines and what has happened."""
        return Page(
            heading=money(obj.total, obj.currency),
            chips=(self.state(obj),),
            subtitle=identifier(obj.number or obj.id),
            main=(
                Table(
                    "Lines",
                    ("Line", "Amount", "Discount", "Tax"),
                    [
                        (
                            line.description,
                            money(line.amount, obj.currency),
                            money(line.discount_amount, obj.currency),
                            money(line.tax_amount, obj.currency),
                        )
                        for line in list_lines(obj)
                    ],
                    empty="No lines.",
                    numbers=(1, 2, 3),
                ),
                _timeline(obj.id),
            ),
            side=(
                Facts(
                    "Collection",
                    [
                        ("Customer", identifier(obj.customer_id)),
                        ("Due", money(obj.amount_due, obj.currency)),
                        ("Paid", money(obj.amount_paid, obj.currency)),
                        ("From the balance", money(obj.balance_applied, obj.currency)),
                        ("Tries", str(obj.attempt_count)),
                        ("First failed", moment(obj.first_failed_at)),
                        ("Next try", moment(obj.next_payment_attempt)),
                        ("Waits for a new card", "yes" if obj.needs_new_method else "no"),
                    ],
                ),
            ),
        )
