"""Invoices in the back-office."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString

from apps.backoffice.kit.columns import Column, major
from apps.backoffice.kit.display import NOTHING, identifier, link, moment, money, stacked
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Table, Text
from apps.outbox.timeline import timeline_of
from apps.subscriptions.admin.dialogs import ChargeDialog, VoidDialog, WriteOffDialog
from apps.subscriptions.admin.display import status_chip, subscription_link
from apps.subscriptions.models import Invoice
from apps.subscriptions.objects import page_url
from apps.subscriptions.selectors import list_lines
from apps.subscriptions.states import InvoiceStatus


@admin.register(Invoice)
class InvoiceAdmin(ObjectAdmin):
    """What customers owe, and how far its collection is."""

    dialogs = (ChargeDialog, VoidDialog, WriteOffDialog)
    search_help_text = "Invoice, its number, customer or subscription"
    list_display = ("what", "total_shown", "state", "step", "next_try", "at")
    list_filter = ("status", "livemode", "billing_reason")
    tabs = (
        ("All", ""),
        ("Open", "status__exact=open"),
        ("Paid", "status__exact=paid"),
        ("Drafts", "status__exact=draft"),
    )
    export_columns = (
        Column("Id", lambda row: str(row.pk)),
        Column("Number", lambda row: row.number or ""),
        Column("Customer", lambda row: str(row.customer_id)),
        Column("Subscription", lambda row: row.subscription_id or ""),
        Column("Status", lambda row: str(row.status)),
        Column("Total", lambda row: major(row.total, row.currency)),
        Column("Due", lambda row: major(row.amount_due, row.currency)),
        Column("Currency", lambda row: str(row.currency)),
        Column("Created (UTC)", lambda row: row.created_at),
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
                timeline_of(obj.id),
            ),
            side=(
                Facts(
                    "Collection",
                    [
                        ("Customer", identifier(obj.customer_id)),
                        ("Subscription", _of_subscription(obj)),
                        ("Due", money(obj.amount_due, obj.currency)),
                        ("Paid", money(obj.amount_paid, obj.currency)),
                        ("From the balance", money(obj.balance_applied, obj.currency)),
                        ("Tries", str(obj.attempt_count)),
                        ("First failed", moment(obj.first_failed_at)),
                        ("Next try", moment(obj.next_payment_attempt)),
                        ("Waits for a new card", "yes" if obj.needs_new_method else "no"),
                        ("Page for the customer", _page_link(obj)),
                    ],
                ),
            ),
        )


def _of_subscription(invoice: Invoice) -> Text:
    return subscription_link(invoice.subscription_id) if invoice.subscription_id else NOTHING


def _page_link(invoice: Invoice) -> Text:
    return NOTHING if invoice.status == InvoiceStatus.DRAFT else link(page_url(invoice), "Open")
