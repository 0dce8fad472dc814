"""Reads of billing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from django.db.models import Q

from apps.common import rows as common_rows
from apps.common.errors import ResourceMissing
from apps.common.origin import Scope
from apps.customers.models import Customer
from apps.payments.models import PaymentIntent
from apps.payments.selectors import get_intent
from apps.subscriptions.errors import SubscriptionsActive
from apps.subscriptions.models import (
    Coupon,
    Discount,
    DunningPolicy,
    Invoice,
    InvoiceItem,
    InvoiceLine,
    InvoicePayment,
    MeterEvent,
    Price,
    Subscription,
    SubscriptionItem,
    TestClock,
)
from apps.subscriptions.models.recorded import Recorded
from apps.subscriptions.policies.dunning import DunningTerms
from apps.subscriptions.policies.pricing import Aggregation, aggregate
from apps.subscriptions.policies.time import Interval, Period
from apps.subscriptions.states import ENDED, InvoicePaymentStatus

R = TypeVar("R", bound=Recorded)


@dataclass(frozen=True, slots=True)
class Times:
    """`now` on the customer's clock, which a test clock moves, and `wall`, the real time."""

    now: datetime
    wall: datetime


def times_of(test_clock_id: str, wall: datetime) -> Times:
    """Return what time it is for those on this clock; the real time without one."""
    if not test_clock_id:
        return Times(wall, wall)
    return Times(
        TestClock.objects.values_list("frozen_time", flat=True).get(pk=test_clock_id), wall
    )


@dataclass(slots=True)
class Contract:
    """A subscription with all that its invoices are made of."""

    subscription: Subscription
    items: list[SubscriptionItem]
    discounts: list[Discount] = field(default_factory=list)
    pending: list[InvoiceItem] = field(default_factory=list)

    @property
    def interval(self) -> Interval:
        """The length of a period, which all prices share."""
        return self.items[0].price.interval


def get_row(model: type[R], scope: Scope, row_id: str, *, param: str = "id") -> R:
    """
    Return the row of this account and mode.

    :raises ResourceMissing: there is none, or it was deleted
    """
    rows = model._base_manager.all()
    if any(column.name == "deleted_at" for column in model._meta.concrete_fields):
        rows = rows.filter(deleted_at__isnull=True)
    return common_rows.get_row(rows, scope, row_id, resource=_resource(model), param=param)


def _resource(model: type[Recorded]) -> str:
    return str(model._meta.verbose_name).replace(" ", "_")


def get_coupon(scope: Scope, code: str) -> Coupon:
    """
    Return the coupon by the code that the merchant chose.

    :raises ResourceMissing: there is none, or it was deleted
    """
    coupon = Coupon.objects.filter(
        code=code,
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        deleted_at__isnull=True,
    ).first()
    if coupon is None:
        raise ResourceMissing(resource="coupon", id=code[:60], param="coupon")
    return coupon


def get_prices(scope: Scope, price_ids: Collection[str]) -> dict[str, Price]:
    """
    Return the prices with their products.

    :raises ResourceMissing: one of them is not of this account and mode
    """
    rows = Price.objects.filter(
        pk__in=price_ids, merchant_id=scope.merchant_id, livemode=scope.livemode
    ).select_related("product", "meter")
    found = {row.id: row for row in rows}
    for price_id in price_ids:
        if price_id not in found:
            raise ResourceMissing(resource="price", id=price_id[:60], param="items")
    return found


def load_contract(subscription: Subscription) -> Contract:
    """Return the subscription with its items, discounts and what waits for its next invoice."""
    return load_contracts([subscription])[0]


def load_contracts(subscriptions: Sequence[Subscription]) -> list[Contract]:
    """Return the contracts in the same order, in three statements for any number of them."""
    contracts = {row.id: Contract(row, []) for row in subscriptions}
    items = SubscriptionItem.objects.filter(subscription_id__in=list(contracts))
    for item in items.select_related("price__product", "price__meter").order_by("pk"):
        contracts[item.subscription_id].items.append(item)
    discounts = Discount.objects.filter(subscription_id__in=list(contracts))
    for discount in discounts.select_related("coupon").order_by("pk"):
        contracts[discount.subscription_id].discounts.append(discount)
    _add_pending(contracts)
    return list(contracts.values())


def _add_pending(contracts: dict[str, Contract]) -> None:
    """Add the customers' pending items; one without a subscription goes to the first invoice."""
    by_customer: dict[str, Contract] = {}
    for contract in contracts.values():
        by_customer.setdefault(contract.subscription.customer_id, contract)
    pending = InvoiceItem.objects.filter(
        Q(subscription_id__in=list(contracts)) | Q(subscription_id__isnull=True),
        customer_id__in=list(by_customer),
        invoice__isnull=True,
        deleted_at__isnull=True,
    )
    for item in pending.order_by("pk"):
        contract = contracts.get(item.subscription_id or "") or by_customer[item.customer_id]
        if contract.subscription.currency == item.currency:
            contract.pending.append(item)


def get_usage(item: SubscriptionItem, customer_id: str, period: Period) -> Decimal:
    """Return what the item's meter counted for the customer in the period."""
    meter = item.price.meter
    if meter is None:
        return Decimal(0)
    values = MeterEvent.objects.filter(
        customer_id=customer_id,
        event_name=meter.event_name,
        occurred_at__gte=period.start,
        occurred_at__lt=period.end,
    ).order_by("occurred_at", "id")
    return aggregate(list(values.values_list("value", flat=True)), Aggregation(meter.aggregation))


def refuse_while_subscribed(customer_id: str) -> None:
    """
    Refuse that a customer who is still billed is deleted.

    :raises SubscriptionsActive: there are subscriptions that are not over
    """
    alive = Subscription.objects.filter(customer_id=customer_id).exclude(status__in=ENDED)
    count = alive.count()
    if count:
        raise SubscriptionsActive(customer=customer_id, count=count)


def list_lines(invoice: Invoice) -> list[InvoiceLine]:
    """Return the lines in their order."""
    return list(InvoiceLine.objects.filter(invoice_id=invoice.pk).order_by("position"))


def list_lines_of(invoices: Sequence[Invoice]) -> dict[str, list[InvoiceLine]]:
    """Return the lines of many invoices, by invoice, in one statement."""
    lines: dict[str, list[InvoiceLine]] = {invoice.id: [] for invoice in invoices}
    for line in InvoiceLine.objects.filter(invoice_id__in=list(lines)).order_by("position"):
        lines[line.invoice_id].append(line)
    return lines


def find_open_intent(invoice: Invoice) -> PaymentIntent | None:
    """Return the intent by which the payer can pay the invoice, if it has one."""
    payment = InvoicePayment.objects.filter(
        invoice_id=invoice.pk, status=InvoicePaymentStatus.OPEN
    ).first()
    if payment is None:
        return None
    return get_intent(Scope(invoice.merchant_id, invoice.livemode), payment.intent_id)


def method_to_charge(invoice: Invoice, customer: Customer) -> str:
    """Return what the invoice is charged to: its own method, the subscription's, the customer's."""
    of_subscription = ""
    if invoice.subscription is not None:
        of_subscription = invoice.subscription.default_payment_method_id
    return (
        invoice.default_payment_method_id or of_subscription or customer.default_payment_method_id
    )


def dunning_policy_of(invoice: Invoice) -> DunningPolicy | None:
    """Return the policy by which the invoice is dunned: the subscription's, or the merchant's."""
    if invoice.subscription is not None and invoice.subscription.dunning_policy is not None:
        return invoice.subscription.dunning_policy
    return DunningPolicy.objects.filter(
        merchant_id=invoice.merchant_id, livemode=invoice.livemode, is_default=True
    ).first()


def dunning_terms_of(invoice: Invoice) -> DunningTerms:
    """Return the terms of that policy; without one, the days 1, 3, 5 and 7, then cancel."""
    policy = dunning_policy_of(invoice)
    return policy.terms if policy else DunningTerms()
