"""Subscriptions in the back-office."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

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
from apps.backoffice.kit.filters import RowFilter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Table, Text
from apps.common.origin import scope_of
from apps.outbox.timeline import timeline_of
from apps.subscriptions.admin.dialogs import (
    CancelDialog,
    ChangePlanDialog,
    PauseDialog,
    ResumeDialog,
)
from apps.subscriptions.admin.display import (
    invoice_link,
    monthly_money,
    status_chip,
)
from apps.subscriptions.models import Invoice, Product, Subscription, SubscriptionItem
from apps.subscriptions.selectors import load_contract
from apps.subscriptions.services.changes import ContractChange
from apps.subscriptions.services.subscriptions import preview_update
from apps.subscriptions.states import InvoiceStatus, SubscriptionStatus

LATEST = 20
PLANS_OFFERED = 50
# Policies seldom retry more often.
RETRIES_OFFERED = range(1, 9)


class PlanFilter(RowFilter):
    """Subscriptions with an item of a product."""

    title = "plan"
    parameter_name = "plan"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the latest products, by name."""
        latest = Product.objects.order_by("-pk").values_list("pk", "name")[:PLANS_OFFERED]
        return sorted(latest, key=lambda plan: plan[1].lower())

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the subscriptions of the product that was chosen."""
        if not self.value():
            return queryset
        items = SubscriptionItem.objects.filter(subscription_id=OuterRef("pk"))
        return queryset.filter(Exists(items.filter(price__product_id=self.value())))


class DunningFilter(RowFilter):
    """Subscriptions with an unpaid invoice, by how many retries of it have passed."""

    title = "dunning"
    parameter_name = "dunning"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the steps, as the column says them."""
        return [("0", "Failed"), *((str(step), f"Retry {step}") for step in RETRIES_OFFERED)]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the subscriptions of the step that was chosen; something else chooses nothing."""
        step = self.value() or ""
        if step not in {"0", *map(str, RETRIES_OFFERED)}:
            return queryset
        unpaid = Invoice.objects.filter(
            subscription_id=OuterRef("pk"),
            status=InvoiceStatus.OPEN,
            first_failed_at__isnull=False,
        )
        return queryset.filter(Exists(unpaid.filter(dunning_slot=int(step))))


@admin.register(Subscription)
class SubscriptionAdmin(ObjectAdmin):
    """Who pays for what, again and again."""

    dialogs = (ChangePlanDialog, PauseDialog, ResumeDialog, CancelDialog)
    search_help_text = "Subscription or customer"
    list_display = ("what", "plan", "worth", "state", "step", "next_at", "at")
    list_filter = ("status", PlanFilter, DunningFilter, "livemode")
    tabs = (
        ("All", ""),
        ("Active", "status__exact=active"),
        ("Trialing", "status__exact=trialing"),
        ("Past due", "status__exact=past_due"),
        ("Unpaid", "status__exact=unpaid"),
        ("Paused", "status__exact=paused"),
    )

    def prepare(self, rows: list[Any]) -> None:
        """Load the plans and the unpaid invoices of the page."""
        ids = [row.pk for row in rows]
        items: dict[str, list[str]] = {}
        for item in SubscriptionItem.objects.filter(subscription_id__in=ids).select_related(
            "price__product"
        ):
            text = f"{item.quantity} x {item.price.product.name}"
            items.setdefault(item.subscription_id, []).append(text)
        unpaid = Invoice.objects.filter(
            subscription_id__in=ids, status=InvoiceStatus.OPEN, first_failed_at__isnull=False
        )
        steps = dict(unpaid.order_by("-pk").values_list("subscription_id", "dunning_slot"))
        for row in rows:
            row.plan_text = ", ".join(items.get(row.pk, [])) or NOTHING
            row.dunning_step = steps.get(row.pk)

    @admin.display(description="Subscription")
    def what(self, row: Subscription) -> SafeString:
        """Return the subscription's id and its customer's."""
        return stacked(format_html("<code>{}</code>", row.id), row.customer_id)

    @admin.display(description="Plan")
    def plan(self, row: Any) -> str:
        """Return what is paid for."""
        return str(row.plan_text)

    @admin.display(description="A month")
    def worth(self, row: Subscription) -> str:
        """Return what it is worth a month."""
        return monthly_money(row) if row.monthly_revenue else NOTHING

    @admin.display(description="Status")
    def state(self, row: Subscription) -> SafeString:
        """Return the status; one that is parked needs somebody."""
        return chip("Parked", Tone.BAD) if row.parked_reason else status_chip(str(row.status))

    @admin.display(description="Dunning")
    def step(self, row: Any) -> Text:
        """Return how many retries of the oldest unpaid invoice have passed."""
        if row.dunning_step is None:
            return NOTHING
        return chip(f"Retry {row.dunning_step}" if row.dunning_step else "Failed", Tone.WARNING)

    @admin.display(description="Next invoice")
    def next_at(self, row: Subscription) -> Text:
        """Return when the next period begins."""
        return moment(None if row.is_ended else row.current_period_end)

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
        return Page(
            heading=monthly_money(obj) + " a month",
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
                timeline_of(obj.id),
            ),
            side=(_facts(obj),),
        )


def _upcoming(row: Subscription) -> Table:
    lines: Sequence[tuple[str, str]] = ()
    title = "Upcoming invoice"
    if not row.is_ended and row.status != SubscriptionStatus.PAUSED:
        bill = preview_update(
            scope=scope_of(row), subscription_id=row.id, change=ContractChange(), now=timezone.now()
        )
        title = f"Upcoming invoice, {row.current_period_end:%d %b %Y}"
        lines = [
            *((line.description, money(line.amount, row.currency)) for line in bill.lines),
            ("Tax", money(bill.invoice.tax_amount, row.currency)),
            ("Total", money(bill.invoice.total, row.currency)),
        ]
    return Table(title, ("Line", "Amount"), lines, empty="Nothing will be billed.", numbers=(1,))


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


def _facts(row: Subscription) -> Facts:
    return Facts(
        "Details",
        [
            ("Customer", identifier(row.customer_id)),
            ("Period from", moment(row.current_period_start)),
            ("Period to", moment(row.current_period_end)),
            ("Time zone", row.time_zone),
            ("Trial until", moment(row.trial_end)),
            ("Past due since", moment(row.past_due_since)),
            ("Collection paused", words(row.pause_behavior) if row.pause_behavior else "no"),
            ("Ends at the period's end", "yes" if row.cancel_at_period_end else "no"),
            ("Ended", moment(row.ended_at)),
            ("Test clock", identifier(row.test_clock_id)),
            ("Parked", row.parked_reason or "no"),
        ],
    )
