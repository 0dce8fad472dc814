"""Payment orders: one seller's part of a checkout each."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.api.models import Merchant
from apps.backoffice.kit.columns import Column
from apps.backoffice.kit.display import (
    NOTHING,
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
from apps.backoffice.kit.pages import Facts, Happening, Page, Table, Text, Timeline
from apps.common.money import to_major
from apps.outbox.models import Event
from apps.outbox.timeline import actor_in_words
from apps.payments.admin.intents import payment_link
from apps.payments.admin.statuses import order_chip
from apps.payments.models import Checkout, PaymentOrder
from apps.payouts.models import Transfer
from apps.payouts.selectors import find_share

# More orders than a checkout may have, and more events than an order has.
LIMIT = 200


@admin.register(PaymentOrder)
class PaymentOrderAdmin(ObjectAdmin):
    """What buyers pay to several sellers at once, seller by seller."""

    search_help_text = "Order, checkout, payment or seller"
    list_display = ("what", "amount_paid", "state", "to", "booked", "at")
    list_filter = ("status", "livemode", created_filter("ord"))
    list_select_related = ("checkout",)
    tabs = (
        ("All", ""),
        ("Under way", "status__exact=EXECUTING"),
        ("Not started", "status__exact=NOT_STARTED"),
        ("Failed", "status__exact=FAILED"),
    )
    export_columns = (
        Column("Payment order", lambda row: str(row.payment_order_id)),
        Column("Checkout", lambda row: str(row.checkout.checkout_id)),
        Column("Payment", lambda row: str(row.intent_id)),
        Column("Seller", lambda row: str(row.seller_id)),
        Column("Status", lambda row: str(row.status)),
        Column("Amount", lambda row: to_major(row.amount, row.currency)),
        Column("Currency", lambda row: str(row.currency)),
        Column("Created (UTC)", lambda row: row.created_at),
    )

    @admin.display(description="Order")
    def what(self, order: PaymentOrder) -> SafeString:
        """Return what the client calls the order, and its checkout."""
        return stacked(order.payment_order_id, order.checkout.checkout_id)

    @admin.display(description="Amount")
    def amount_paid(self, order: PaymentOrder) -> str:
        """Return how much."""
        return money(order.amount, order.currency)

    @admin.display(description="Status")
    def state(self, order: PaymentOrder) -> SafeString:
        """Return the status."""
        return order_chip(order.status)

    @admin.display(description="Seller")
    def to(self, order: PaymentOrder) -> SafeString:
        """Return the seller's id."""
        return format_html("<code>{}</code>", order.seller_id)

    @admin.display(description="Booked")
    def booked(self, order: PaymentOrder) -> str:
        """Return whether the money is in the books and in the wallet."""
        return _booked_in_words(order)

    @admin.display(description="Created")
    def at(self, order: PaymentOrder) -> Text:
        """Return when."""
        return moment(order.created_at)

    def look_up(self, term: str) -> Q | None:
        """Search by the order's ids, its checkout's, its payment's or its seller's."""
        return (
            Q(pk=term)
            | Q(payment_order_id=term)
            | Q(checkout_id__in=[term, *_checkouts_named(term)])
            | Q(intent_id=term)
            | Q(seller_id=term)
        )

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return the other orders of the checkout, and what happened to this one."""
        return Page(
            heading=money(obj.amount, obj.currency),
            chips=(order_chip(obj.status), mode_chip(livemode=obj.livemode)),
            subtitle=identifier(obj.payment_order_id),
            main=(_siblings(obj), _timeline(obj)),
            side=(_details(obj),),
        )


def _checkouts_named(name: str) -> list[str]:
    """Return the checkouts that a client calls so; the index wants merchant and mode as well."""
    named = Checkout.objects.filter(
        merchant_id__in=Merchant.objects.values("pk"),
        livemode__in=[True, False],
        checkout_id=name,
    )
    return list(named.values_list("pk", flat=True)[:LIMIT])


def _booked_in_words(order: PaymentOrder) -> str:
    if order.wallet_updated:
        return "Books and wallet"
    return "Books" if order.ledger_updated else NOTHING


def _siblings(order: PaymentOrder) -> Table:
    orders = PaymentOrder.objects.filter(checkout_id=order.checkout_id).order_by("pk")[:LIMIT]
    return Table(
        "The whole checkout",
        ("Order", "Seller", "Amount", "Status"),
        [
            (
                _order_link(row),
                _seller_link(row.seller_id),
                money(row.amount, row.currency),
                order_chip(row.status),
            )
            for row in orders
        ],
        empty="A checkout has an order.",
        numbers=(2,),
    )


def _timeline(order: PaymentOrder) -> Timeline:
    events = Event.objects.filter(object_id=order.id).order_by("-sequence")[:LIMIT]
    return Timeline(
        "Timeline",
        [
            Happening(
                at=event.created_at,
                text=words(str(event.object["status"]).lower()),
                actor=actor_in_words(event.actor),
            )
            for event in events
        ],
    )


def _details(order: PaymentOrder) -> Facts:
    checkout = order.checkout
    share = find_share(order.intent.latest_charge_id)
    return Facts(
        "Details",
        [
            ("Payment", payment_link(order.intent_id)),
            ("Seller", _seller_link(order.seller_id)),
            ("Seller's share", NOTHING if share is None else _share_link(share)),
            ("Booked", _booked_in_words(order)),
            ("Checkout", identifier(checkout.checkout_id)),
            ("Checkout paid", "yes" if checkout.is_payment_done else "no"),
            ("Buyer", checkout.buyer_reference or NOTHING),
            ("Customer", identifier(checkout.customer_id)),
            ("Created", moment(order.created_at)),
        ],
    )


def _order_link(order: PaymentOrder) -> SafeString:
    url = reverse("admin:payments_paymentorder_change", args=[order.id])
    return link(url, order.payment_order_id)


def _seller_link(seller_id: str) -> SafeString:
    return link(reverse("admin:payouts_seller_change", args=[seller_id]), seller_id)


def _share_link(share: Transfer) -> SafeString:
    url = reverse("admin:payouts_transfer_change", args=[share.id])
    return link(url, money(share.amount, share.currency))
