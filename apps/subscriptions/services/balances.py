"""Customers' balances: credit that later invoices use up, and small debts they carry."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from apps.common.errors import InvalidParameter
from apps.common.ids import new_id
from apps.common.money import smallest_charge
from apps.common.origin import Origin, Scope
from apps.customers.models import Customer
from apps.customers.selectors import get_customer
from apps.ledger.recipes import Fact, credit_granted, credit_used
from apps.subscriptions.errors import CurrenciesDiffer
from apps.subscriptions.models import BalanceTransaction, Invoice
from apps.subscriptions.policies.balance import credit_change
from apps.subscriptions.selectors import times_of
from apps.subscriptions.services.unit import Unit

SOURCE = "customer_balance_transaction"


def lock_customers(invoices: Sequence[Invoice]) -> dict[str, Customer]:
    """
    Return the invoices' customers, locked where their balance may change.

    That is where there is a balance, or where a total is too small to be charged. The others'
    invoices neither read nor write it, so a run of thousands does not hold all customers.
    """
    customers = {invoice.customer_id: invoice.customer for invoice in invoices}
    touched = {
        invoice.customer_id
        for invoice in invoices
        if invoice.customer.balance or invoice.total < smallest_charge(invoice.currency)
    }
    if touched:
        locked = Customer.objects.select_for_update().filter(pk__in=touched).order_by("pk")
        customers |= {customer.id: customer for customer in locked}
    return customers


def change_balance(
    unit: Unit,
    customer: Customer,
    *,
    amount: int,
    currency: str,
    type_: str,
    invoice_id: str = "",
    credit_note_id: str = "",
    description: str = "",
    metadata: Mapping[str, str] | None = None,
) -> BalanceTransaction:
    """
    Add `amount` to the locked customer's balance: below zero grants credit, above uses it up.

    The part that is credit is booked as what we owe them.

    :raises CurrenciesDiffer: the balance is in another currency
    """
    if customer.currency and customer.currency != currency and customer.balance:
        raise CurrenciesDiffer(expected=customer.currency, given=currency)
    before, customer.balance = customer.balance, customer.balance + amount
    customer.currency = currency
    row = BalanceTransaction(
        id=new_id("cbtxn"),
        merchant_id=customer.merchant_id,
        livemode=customer.livemode,
        customer=customer,
        sequence=_next_sequence(customer),
        type=type_,
        amount=amount,
        ending_balance=customer.balance,
        currency=currency,
        invoice_id=invoice_id,
        credit_note_id=credit_note_id,
        description=description,
        metadata=dict(metadata or {}),
        created_at=unit.now,
    )
    unit.insert(row)
    Customer.objects.filter(pk=customer.pk).update(balance=customer.balance, currency=currency)
    _book_credit(unit, row, credit_change(before=before, after=customer.balance))
    return row


def _next_sequence(customer: Customer) -> int:
    cached: int | None = getattr(customer, "_balance_sequence", None)
    if cached is None:
        rows = BalanceTransaction.objects.filter(customer_id=customer.pk)
        cached = rows.aggregate(last=Max("sequence"))["last"] or 0
    customer._balance_sequence = cached + 1  # type: ignore[attr-defined]  # noqa: SLF001
    return cached + 1


def _book_credit(unit: Unit, row: BalanceTransaction, granted: int) -> None:
    if not granted:
        return
    fact = Fact(
        scope=Scope(row.merchant_id, row.livemode),
        id=row.id,
        amount=abs(granted),
        currency=row.currency,
        at=unit.booked_at,
    )
    recipe = credit_granted if granted > 0 else credit_used
    unit.book(recipe(fact, customer_id=row.customer_id, source_type=SOURCE))


def adjust_balance(
    *,
    scope: Scope,
    customer_id: str,
    amount: int,
    currency: str,
    description: str = "",
    metadata: Mapping[str, str] | None = None,
    origin: Origin,
    now: datetime,
) -> BalanceTransaction:
    """
    Change a customer's balance by hand; `amount` below zero is credit for later invoices.

    :raises ResourceMissing: no such customer
    :raises CurrenciesDiffer: the balance is in another currency
    :raises InvalidParameter: an amount of zero
    """
    if not amount:
        raise InvalidParameter("amount must not be zero.", param="amount")
    get_customer(scope, customer_id)
    with transaction.atomic():
        customer = Customer.objects.lock(customer_id)
        times = times_of(customer.test_clock_id, now)
        unit = Unit(origin=origin, times=times)
        row = change_balance(
            unit,
            customer,
            amount=amount,
            currency=currency,
            type_="adjustment",
            description=description,
            metadata=metadata,
        )
        unit.write()
    return row
