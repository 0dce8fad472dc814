"""
Make invoices: lines, discounts, taxes, totals; then number them and set the balance off.

Everything up to `finalize_bills` happens in memory, so that a preview is made by the same code as
the invoice.
"""

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from django.db import connection

from apps.common.ids import new_id
from apps.common.money import charge_step, smallest_charge
from apps.common.origin import Scope
from apps.customers.models import Customer
from apps.customers.states import TaxExempt
from apps.subscriptions.models import (
    Discount,
    Invoice,
    InvoiceItem,
    InvoiceLine,
    Subscription,
    SubscriptionItem,
)
from apps.subscriptions.objects import render_invoice, render_invoice_item
from apps.subscriptions.policies.balance import settle_with_balance
from apps.subscriptions.policies.pricing import (
    CouponTerms,
    discount_lines,
    rounding_amount,
    tax_of,
)
from apps.subscriptions.policies.time import Period
from apps.subscriptions.selectors import Contract, Times, get_usage
from apps.subscriptions.services.balances import change_balance, lock_customers
from apps.subscriptions.services.unit import Unit
from apps.subscriptions.states import (
    BillingReason,
    CollectionMethod,
    CouponDuration,
    PauseBehavior,
)

# How long an invoice that is sent may be paid when the merchant names no number of days.
DEFAULT_DAYS_UNTIL_DUE = 30
# The process that makes an invoice also charges it. A worker takes over after this long.
COLLECTION_LEASE = timedelta(seconds=30)

_NUMBER_PREFIX = {"invoice": "INV", "credit": "CN"}
_TAKE_NUMBERS = """
INSERT INTO subscriptions_invoicenumber (merchant_id, livemode, kind, last) VALUES (%s, %s, %s, %s)
ON CONFLICT (merchant_id, livemode, kind)
DO UPDATE SET last = subscriptions_invoicenumber.last + EXCLUDED.last
RETURNING last
"""


@dataclass(slots=True)
class Bill:
    """An invoice in the making: with its lines and the pending items that it takes up."""

    invoice: Invoice
    lines: list[InvoiceLine]
    taken: list[InvoiceItem] = field(default_factory=list)

    def show(self) -> dict[str, object]:
        """Return the invoice as the API shows it now."""
        return render_invoice(self.invoice, self.lines)


# --- Lines ----------------------------------------------------------------------------------


def item_line(
    item: SubscriptionItem, *, subscription: Subscription, period: Period, amount: int
) -> InvoiceLine:
    """Return the line which charges an item for a period in advance."""
    return InvoiceLine(
        amount=amount,
        description=f"{item.quantity} x {item.price.product.name}",
        quantity=Decimal(item.quantity),
        unit_amount=item.price.unit_amount,
        tax_percent=subscription.tax_percent,
        **_what(item),
        **_when(period),
    )


def usage_line(
    item: SubscriptionItem, *, subscription: Subscription, period: Period
) -> InvoiceLine:
    """Return the line which charges what an item's meter counted in the period that is over."""
    quantity = get_usage(item, subscription.customer_id, period)
    return InvoiceLine(
        amount=item.price.terms.amount(quantity),
        description=f"{quantity.normalize():f} x {item.price.product.name}",
        quantity=quantity,
        unit_amount=item.price.unit_amount,
        tax_percent=subscription.tax_percent,
        **_what(item),
        **_when(period),
    )


def trial_line(
    item: SubscriptionItem, *, subscription: Subscription, period: Period
) -> InvoiceLine:
    """Return the line which says that the item is free for now."""
    line = item_line(item, subscription=subscription, period=period, amount=0)
    line.description = f"Trial period for {item.price.product.name}"
    line.unit_amount = Decimal(0)
    return line


def pending_line(item: InvoiceItem) -> InvoiceLine:
    """Return the line which takes a pending item up."""
    return InvoiceLine(
        amount=item.amount,
        description=item.description,
        quantity=Decimal(item.quantity),
        price_id=item.price_id,
        product_id=item.product_id,
        item_id=item.item_id,
        invoice_item_id=item.id,
        is_proration=item.is_proration,
        tax_percent=item.tax_percent,
        period_start=item.period_start,
        period_end=item.period_end,
    )


def _what(item: SubscriptionItem) -> dict[str, str]:
    return {"price_id": item.price_id, "product_id": item.price.product_id, "item_id": item.id}


def _when(period: Period) -> dict[str, object]:
    return {"period_start": period.start, "period_end": period.end}


def advance_lines(contract: Contract, period: Period) -> list[InvoiceLine]:
    """Return the lines of all licensed items for a whole period."""
    subscription = contract.subscription
    return [
        item_line(item, subscription=subscription, period=period, amount=item.amount)
        for item in contract.items
        if not item.price.is_metered
    ]


def arrears_lines(contract: Contract, period: Period) -> list[InvoiceLine]:
    """Return the lines of all metered items for a period that is over."""
    subscription = contract.subscription
    return [
        usage_line(item, subscription=subscription, period=period)
        for item in contract.items
        if item.price.is_metered
    ]


# --- Bills ----------------------------------------------------------------------------------


def bill_contract(
    contract: Contract,
    lines: list[InvoiceLine],
    *,
    reason: BillingReason,
    period: Period,
    times: Times,
) -> Bill:
    """Return an invoice of a subscription with these lines and what waits for it."""
    subscription = contract.subscription
    taken = sorted(contract.pending, key=_place)
    invoice = Invoice(
        **_born(subscription, times),
        customer=subscription.customer,
        subscription=subscription,
        billing_reason=reason,
        currency=subscription.currency,
        collection_method=subscription.collection_method,
        due_date=_due_date(subscription.collection_method, subscription.days_until_due, times),
        default_payment_method_id=subscription.default_payment_method_id,
        test_clock_id=subscription.test_clock_id,
        auto_advance=subscription.pause_behavior != PauseBehavior.KEEP_AS_DRAFT,
        **_when(period),
    )
    bill = Bill(invoice, [*lines, *(pending_line(item) for item in taken)], taken)
    discounts = [d for d in contract.discounts if d.is_valid_at(times.now)]
    total_up(bill, discounts)
    _end_single_discounts(discounts, bill, period)
    return bill


def _place(item: InvoiceItem) -> tuple[datetime, bool, str, int]:
    """Order pending items by time, credits first; a preview's have other ids than the invoice's."""
    return item.created_at, item.amount > 0, item.description, item.amount


def bill_customer(
    customer: Customer, items: list[InvoiceItem], *, currency: str, times: Times, **fields: object
) -> Bill:
    """Return an invoice made by hand, with these pending items."""
    invoice = Invoice(
        **_born(customer, times),
        customer=customer,
        billing_reason=BillingReason.MANUAL,
        currency=currency,
        test_clock_id=customer.test_clock_id,
        **_when(Period(times.now, times.now)),
        **fields,
    )
    bill = Bill(invoice, [pending_line(item) for item in items], list(items))
    total_up(bill, [])
    return bill


def _born(owner: Subscription | Customer, times: Times) -> dict[str, object]:
    return {
        "id": new_id("in"),
        "merchant_id": owner.merchant_id,
        "livemode": owner.livemode,
        "created_at": times.now,
        "access_token": secrets.token_urlsafe(24),
    }


def _due_date(method: str, days: int | None, times: Times) -> datetime | None:
    if method == CollectionMethod.CHARGE_AUTOMATICALLY:
        return None
    return times.now + timedelta(days=DEFAULT_DAYS_UNTIL_DUE if days is None else days)


def total_up(bill: Bill, discounts: Sequence[Discount]) -> None:
    """Put discounts and taxes on the lines, round what cannot be charged, and add it all up."""
    invoice, lines = bill.invoice, bill.lines
    invoice.make_out()
    invoice.customer_tax_exempt = invoice.customer.tax_exempt
    for line in lines:
        line.invoice = invoice
        line.discount_amount = 0
    for discount in discounts:
        _take_off(discount, invoice, lines)
    for line in lines:
        _tax(line)
    _add_up(invoice, lines)
    difference = rounding_amount(invoice.total, charge_step(invoice.currency))
    if difference:
        lines.append(_rounding_line(invoice, difference))
        _add_up(invoice, lines)
    for position, line in enumerate(lines):
        line.position = position


def add_line(bill: Bill, line: InvoiceLine) -> None:
    """Put one more line on a draft, which is the last of `bill.lines`, and add it up again."""
    line.invoice = bill.invoice
    _tax(line)
    line.position = max((each.position or 0 for each in bill.lines[:-1]), default=-1) + 1
    _add_up(bill.invoice, bill.lines)


def _tax(line: InvoiceLine) -> None:
    if line.invoice.customer_tax_exempt != TaxExempt.NONE:
        line.tax_percent = Decimal(0)
    line.tax_amount = tax_of(line.amount - line.discount_amount, line.tax_percent)


def _take_off(discount: Discount, invoice: Invoice, lines: list[InvoiceLine]) -> None:
    coupon = discount.coupon
    if coupon.amount_off is not None and coupon.currency != invoice.currency:
        return
    terms = CouponTerms(percent_off=coupon.percent_off, amount_off=coupon.amount_off or 0)
    parts = discount_lines(
        [line.amount - line.discount_amount for line in lines],
        terms,
        prorated=[line.is_proration for line in lines],
    )
    for line, part in zip(lines, parts, strict=True):
        line.discount_amount += part


def _add_up(invoice: Invoice, lines: list[InvoiceLine]) -> None:
    invoice.subtotal = sum(line.amount for line in lines)
    invoice.discount_amount = sum(line.discount_amount for line in lines)
    invoice.tax_amount = sum(line.tax_amount for line in lines)
    invoice.total = invoice.subtotal - invoice.discount_amount + invoice.tax_amount
    invoice.amount_due = max(0, invoice.total)


def _rounding_line(invoice: Invoice, amount: int) -> InvoiceLine:
    return InvoiceLine(
        invoice=invoice,
        amount=amount,
        description="Rounding",
        period_start=invoice.period_start,
        period_end=invoice.period_end,
    )


def _end_single_discounts(discounts: list[Discount], bill: Bill, period: Period) -> None:
    for discount in discounts:
        is_single = discount.coupon.duration == CouponDuration.ONCE
        if is_single and discount.ends_at is None and bill.invoice.discount_amount:
            discount.ends_at = period.end


# --- Writing ----------------------------------------------------------------------------------


def keep_drafts(unit: Unit, bills: Sequence[Bill]) -> None:
    """Store the invoices as drafts, with their lines; the items they take up wait no more."""
    for bill in bills:
        unit.create(bill.invoice, "invoice.created", bill.show)
        unit.insert(*bill.lines)
        for item in bill.taken:
            item.invoice = bill.invoice
            show = partial(render_invoice_item, item)
            if item.version:
                unit.record(item, "invoiceitem.updated", show)
            else:
                unit.create(item, "invoiceitem.created", show)


def finalize_bills(
    unit: Unit, bills: Sequence[Bill], times: Times, *, is_inline: bool, with_credit: bool = True
) -> None:
    """
    Number the drafts, set the customers' balances off and queue what is left to be charged.

    With `is_inline` the caller charges them next and a worker only if it dies; without
    `with_credit` the customers keep their credit. What has nothing left to pay is paid. Locks the
    customers with a balance, then the counter of each account.
    """
    customers = lock_customers([bill.invoice for bill in bills])
    numbers = _take_numbers([bill.invoice for bill in bills])
    collect_at = times.wall + COLLECTION_LEASE if is_inline else times.wall
    for bill in bills:
        invoice = bill.invoice
        scope = Scope(invoice.merchant_id, invoice.livemode)
        if with_credit or invoice.total < 0:
            _settle_balance(unit, bill, customers[invoice.customer_id])
        invoice.finalize(number=numbers[scope].pop(), now=times.now)
        is_charged = invoice.collection_method == CollectionMethod.CHARGE_AUTOMATICALLY
        if invoice.amount_due and is_charged and invoice.auto_advance:
            invoice.collect_at = collect_at
        unit.record(invoice, "invoice.finalized", bill.show)
        if not invoice.amount_due:
            invoice.pay(amount=0, now=times.now)
            unit.record(invoice, "invoice.paid", bill.show)


def _settle_balance(unit: Unit, bill: Bill, customer: Customer) -> None:
    invoice = bill.invoice
    settlement = settle_with_balance(
        total=invoice.total,
        balance=customer.balance if customer.currency in {"", invoice.currency} else 0,
        smallest_charge=smallest_charge(invoice.currency),
    )
    invoice.starting_balance = settlement.ending_balance - settlement.applied
    invoice.ending_balance = settlement.ending_balance
    invoice.balance_applied = settlement.applied
    invoice.amount_due = settlement.amount_due
    if settlement.applied:
        change_balance(
            unit,
            customer,
            amount=settlement.applied,
            currency=invoice.currency,
            type_="applied_to_invoice",
            invoice_id=invoice.id,
        )


def _take_numbers(invoices: Sequence[Invoice]) -> dict[Scope, list[str]]:
    """Return numbers per account, the lowest last; the counters are locked in one order."""
    wanted = Counter(Scope(invoice.merchant_id, invoice.livemode) for invoice in invoices)
    ordered = sorted(wanted.items(), key=lambda entry: (entry[0].merchant_id, entry[0].livemode))
    return {
        scope: take_numbers(scope, kind="invoice", count=count)[::-1] for scope, count in ordered
    }


def take_numbers(scope: Scope, *, kind: str, count: int) -> list[str]:
    """Return the next numbers of the account; a rollback gives them back, so there are no gaps."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_NUMBERS, [scope.merchant_id, scope.livemode, kind, count])
        last: int = cursor.fetchone()[0]
    prefix = _NUMBER_PREFIX[kind]
    return [f"{prefix}-{number:06d}" for number in range(last - count + 1, last + 1)]
