"""Invoices by hand: make, finalise, pay, void; pending items and credit notes."""

from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from apps.common.ids import new_id
from apps.common.metadata import with_metadata
from apps.common.origin import Origin, Scope
from apps.customers.models import Customer
from apps.customers.selectors import get_customer
from apps.subscriptions.errors import (
    CreditExceedsInvoice,
    CreditNoteVoid,
    CurrenciesDiffer,
    InvoiceNotEditable,
    InvoiceNotPayable,
    InvoicePaymentInProgress,
    NoPaymentMethod,
    NothingToInvoice,
)
from apps.subscriptions.models import (
    CreditNote,
    Invoice,
    InvoiceItem,
    InvoicePayment,
    Subscription,
)
from apps.subscriptions.objects import render_credit_note, render_invoice_item
from apps.subscriptions.policies.time import Period
from apps.subscriptions.selectors import (
    Times,
    get_row,
    list_lines,
    load_contract,
    method_to_charge,
    times_of,
)
from apps.subscriptions.services.balances import change_balance
from apps.subscriptions.services.bills import (
    COLLECTION_LEASE,
    Bill,
    add_line,
    bill_contract,
    bill_customer,
    finalize_bills,
    keep_drafts,
    pending_line,
    take_numbers,
)
from apps.subscriptions.services.collection import (
    collect_invoice,
    lock_with_subscription,
    receive_money,
    release_payment,
)
from apps.subscriptions.services.setbacks import record_invoice
from apps.subscriptions.services.subscriptions import declined
from apps.subscriptions.services.unit import Unit
from apps.subscriptions.states import (
    BillingReason,
    InvoicePaymentStatus,
    InvoiceStatus,
    SubscriptionStatus,
)

S = InvoiceStatus


def create_item(
    *,
    scope: Scope,
    customer_id: str,
    invoice_id: str = "",
    fields: dict[str, Any],
    origin: Origin,
    now: datetime,
) -> InvoiceItem:
    """
    Put something on the customer's next invoice, or on one of their drafts.

    `fields` are columns of `InvoiceItem`; `amount` in minor units may be below zero.

    :raises ResourceMissing: no such customer, subscription or invoice
    :raises InvoiceNotEditable: the invoice is no draft any more
    :raises CurrenciesDiffer: the draft is in another currency
    """
    get_customer(scope, customer_id)
    if fields.get("subscription_id"):
        get_row(Subscription, scope, fields["subscription_id"], param="subscription")
    with transaction.atomic():
        customer = Customer.objects.get(pk=customer_id)
        times = times_of(customer.test_clock_id, now)
        unit = Unit(origin=origin, times=times)
        defaults = {"period_start": times.now, "period_end": times.now}
        item = InvoiceItem(
            id=new_id("ii"),
            merchant_id=scope.merchant_id,
            livemode=scope.livemode,
            created_at=times.now,
            customer=customer,
            **{**defaults, **fields},
        )
        if invoice_id:
            _put_on_draft(unit, scope, invoice_id, item)
        unit.create(item, "invoiceitem.created", partial(render_invoice_item, item))
        unit.write()
    return item


def _put_on_draft(unit: Unit, scope: Scope, invoice_id: str, item: InvoiceItem) -> None:
    get_row(Invoice, scope, invoice_id, param="invoice")
    invoice = lock_with_subscription(invoice_id)
    if invoice.status != S.DRAFT or invoice.customer_id != item.customer_id:
        raise InvoiceNotEditable(invoice=invoice.id, status=str(invoice.status))
    if invoice.currency != item.currency:
        raise CurrenciesDiffer(expected=invoice.currency, given=item.currency, param="currency")
    item.invoice = invoice
    line = pending_line(item)
    bill = Bill(invoice, [*list_lines(invoice), line])
    add_line(bill, line)
    unit.insert(line)
    unit.record(invoice, "invoice.updated", bill.show)


def update_item(
    *, scope: Scope, item_id: str, changes: dict[str, Any], origin: Origin, now: datetime
) -> InvoiceItem:
    """
    Change a pending item; `changes` are columns of `InvoiceItem`.

    :raises ResourceMissing: no such item
    :raises InvoiceNotEditable: it is on an invoice already
    """
    with transaction.atomic():
        item = _lock_pending(scope, item_id)
        for name, value in with_metadata(changes, item.metadata).items():
            setattr(item, name, value)
        unit = Unit(origin=origin, times=times_of("", now))
        unit.record(item, "invoiceitem.updated", partial(render_invoice_item, item))
        unit.write()
    return item


def delete_item(*, scope: Scope, item_id: str, origin: Origin, now: datetime) -> InvoiceItem:
    """
    Take a pending item back.

    :raises ResourceMissing: no such item
    :raises InvoiceNotEditable: it is on an invoice already
    """
    with transaction.atomic():
        item = _lock_pending(scope, item_id)
        times = times_of("", now)
        unit = Unit(origin=origin, times=times)
        item.deleted_at = times.now
        unit.record(item, "invoiceitem.deleted", partial(render_invoice_item, item))
        unit.write()
    return item


def _lock_pending(scope: Scope, item_id: str) -> InvoiceItem:
    get_row(InvoiceItem, scope, item_id)
    item = InvoiceItem.objects.select_for_update().get(pk=item_id)
    if item.invoice_id is not None:
        raise InvoiceNotEditable(invoice=item.invoice_id, status="made")
    return item


def create_invoice(
    *,
    scope: Scope,
    customer_id: str,
    subscription_id: str = "",
    with_pending: bool = True,
    fields: dict[str, Any],
    origin: Origin,
    now: datetime,
) -> Invoice:
    """
    Make a draft for a customer, with what waits for them or for one of their subscriptions.

    Without what waits the draft is empty, and items are put on it one by one.

    :raises ResourceMissing: no such customer or subscription
    :raises NothingToInvoice: nothing waits
    """
    get_customer(scope, customer_id)
    with transaction.atomic():
        customer = Customer.objects.lock(customer_id)
        times = times_of(customer.test_clock_id, now)
        unit = Unit(origin=origin, times=times)
        if subscription_id:
            bill = _bill_subscription(scope, subscription_id, times)
        else:
            bill = _bill_pending(customer, fields, times, with_pending=with_pending)
        keep_drafts(unit, [bill])
        unit.write()
    return bill.invoice


def _bill_subscription(scope: Scope, subscription_id: str, times: Times) -> Bill:
    get_row(Subscription, scope, subscription_id, param="subscription")
    contract = load_contract(Subscription.objects.lock(subscription_id))
    if not contract.pending:
        raise NothingToInvoice(customer=contract.subscription.customer_id)
    period = Period(times.now, times.now)
    return bill_contract(contract, [], reason=BillingReason.MANUAL, period=period, times=times)


def _bill_pending(
    customer: Customer, fields: dict[str, Any], times: Times, *, with_pending: bool
) -> Bill:
    waiting = InvoiceItem.objects.select_for_update(of=("self",)).filter(
        customer=customer,
        subscription__isnull=True,
        invoice__isnull=True,
        deleted_at__isnull=True,
    )
    pending = list(waiting.order_by("pk")) if with_pending else []
    wanted = fields.pop("currency", "") or customer.currency
    currency = wanted or (pending[0].currency if pending else "")
    items = [item for item in pending if item.currency == currency]
    if (with_pending and not items) or not currency:
        raise NothingToInvoice(customer=customer.id)
    return bill_customer(customer, items, currency=currency, times=times, **fields)


def update_draft(
    *, scope: Scope, invoice_id: str, changes: dict[str, Any], origin: Origin, now: datetime
) -> Invoice:
    """
    Change what may change of an invoice: all of `changes` on a draft, later only metadata.

    :raises InvoiceNotEditable: more than metadata of an invoice that is final
    """
    get_row(Invoice, scope, invoice_id)
    with transaction.atomic():
        invoice = lock_with_subscription(invoice_id)
        if invoice.status != S.DRAFT and set(changes) - {"metadata", "auto_advance"}:
            raise InvoiceNotEditable(invoice=invoice.id, status=str(invoice.status))
        for name, value in with_metadata(changes, invoice.metadata).items():
            setattr(invoice, name, value)
        unit = Unit(origin=origin, times=times_of(invoice.test_clock_id, now))
        record_invoice(unit, invoice, "invoice.updated")
        unit.write()
    return invoice


def finalize_invoice(
    *,
    scope: Scope,
    invoice_id: str,
    auto_advance: bool | None = None,
    origin: Origin,
    now: datetime,
) -> Invoice:
    """
    Number a draft; from now on it never changes, and is collected.

    `auto_advance` says anew whether that goes by itself; None leaves it as it is.

    :raises InvoiceNotEditable: it is no draft any more
    """
    get_row(Invoice, scope, invoice_id)
    with transaction.atomic():
        invoice = lock_with_subscription(invoice_id)
        if invoice.status != S.DRAFT:
            raise InvoiceNotEditable(invoice=invoice.id, status=str(invoice.status))
        if auto_advance is not None:
            invoice.auto_advance = auto_advance
        times = times_of(invoice.test_clock_id, now)
        unit = Unit(origin=origin, times=times)
        finalize_bills(unit, [Bill(invoice, list_lines(invoice))], times, is_inline=False)
        unit.write()
    return invoice


def pay_invoice(
    *,
    scope: Scope,
    invoice_id: str,
    method_id: str = "",
    is_out_of_band: bool = False,
    off_session: bool = False,
    origin: Origin,
    now: datetime,
) -> Invoice:
    """
    Pay an invoice now, with the customer's method or another one; takes no slot of its schedule.

    An unpaid subscription's older invoices are paid first (AC-36). With `is_out_of_band` the
    merchant says that they have the money.

    :raises InvoiceNotPayable: it is paid, void or written off
    :raises NoPaymentMethod: there is nothing to charge
    :raises InvoicePaymentInProgress: a payment of it has no outcome yet (AC-33)
    :raises CardDeclined: the bank said no
    """
    invoice = get_row(Invoice, scope, invoice_id)
    if invoice.status == S.DRAFT:
        finalize_invoice(scope=scope, invoice_id=invoice_id, origin=origin, now=now)
    if is_out_of_band:
        return _pay_out_of_band(invoice_id, origin=origin, now=now)
    for older in _owed_before(invoice):
        _charge(older, method_id, off_session=off_session, origin=origin, now=now)
    return _charge(invoice_id, method_id, off_session=off_session, origin=origin, now=now)


def _owed_before(invoice: Invoice) -> list[str]:
    subscription = invoice.subscription
    if subscription is None or subscription.status != SubscriptionStatus.UNPAID:
        return []
    older = Invoice.objects.filter(
        subscription_id=subscription.pk, status=S.OPEN, created_at__lt=invoice.created_at
    )
    return list(older.order_by("created_at", "pk").values_list("pk", flat=True))


def _charge(
    invoice_id: str, method_id: str, *, off_session: bool, origin: Origin, now: datetime
) -> Invoice:
    with transaction.atomic():
        invoice = lock_with_subscription(invoice_id)
        if invoice.status == S.PAID and not invoice.amount_due:
            return invoice
        if invoice.status != S.OPEN:
            raise InvoiceNotPayable(invoice=invoice.id, status=str(invoice.status))
        if not (method_id or method_to_charge(invoice, invoice.customer)):
            raise NoPaymentMethod(customer=invoice.customer_id, param="payment_method")
        # In the queue from before: if this process dies, a worker goes on.
        invoice.collect_at = now + COLLECTION_LEASE
        invoice.save(update_fields=["collect_at"])
    charged = collect_invoice(
        invoice_id=invoice_id,
        method_id=method_id,
        off_session=off_session,
        origin=origin,
        now=now,
    )
    if charged.status == S.PAID:
        return charged
    if charged.version == invoice.version:
        # Nothing was heard of it: it is under way, or somebody else is paying it.
        payment = InvoicePayment.objects.filter(invoice_id=invoice_id).latest("pk")
        raise InvoicePaymentInProgress(invoice=invoice_id, payment_intent=payment.intent_id)
    raise declined(charged)


def _pay_out_of_band(invoice_id: str, *, origin: Origin, now: datetime) -> Invoice:
    release_payment(invoice_id=invoice_id, origin=origin, now=now)
    with transaction.atomic():
        invoice = lock_with_subscription(invoice_id)
        if invoice.status not in {S.OPEN, S.UNCOLLECTIBLE}:
            raise InvoiceNotPayable(invoice=invoice.id, status=str(invoice.status))
        times = times_of(invoice.test_clock_id, now)
        unit = Unit(origin=origin, times=times)
        invoice.paid_out_of_band = True
        receive_money(unit, invoice, times=times)
        unit.write()
    return invoice


def void_invoice(*, scope: Scope, invoice_id: str, origin: Origin, now: datetime) -> Invoice:
    """
    Take an invoice back: nobody owes it, and what the customer's credit paid of it returns.

    :raises InvoicePaymentInProgress: it is being paid right now
    :raises IllegalTransition: it is a draft, paid or void
    """
    get_row(Invoice, scope, invoice_id)
    release_payment(invoice_id=invoice_id, origin=origin, now=now)
    with transaction.atomic():
        invoice = lock_with_subscription(invoice_id)
        times = times_of(invoice.test_clock_id, now)
        unit = Unit(origin=origin, times=times)
        _refuse_while_paying(invoice)
        invoice.void(now=times.now)
        record_invoice(unit, invoice, "invoice.voided")
        if invoice.balance_applied:
            customer = Customer.objects.lock(invoice.customer_id)
            change_balance(
                unit,
                customer,
                amount=-invoice.balance_applied,
                currency=invoice.currency,
                type_="unapplied_from_invoice",
                invoice_id=invoice.id,
            )
        unit.write()
    return invoice


def mark_uncollectible(*, scope: Scope, invoice_id: str, origin: Origin, now: datetime) -> Invoice:
    """
    Write an invoice off: it is still owed and can be paid, but is collected no more.

    :raises InvoicePaymentInProgress: it is being paid right now
    :raises IllegalTransition: it is not open
    """
    get_row(Invoice, scope, invoice_id)
    release_payment(invoice_id=invoice_id, origin=origin, now=now)
    with transaction.atomic():
        invoice = lock_with_subscription(invoice_id)
        times = times_of(invoice.test_clock_id, now)
        unit = Unit(origin=origin, times=times)
        _refuse_while_paying(invoice)
        invoice.mark_uncollectible(now=times.now)
        record_invoice(unit, invoice, "invoice.marked_uncollectible")
        unit.write()
    return invoice


def _refuse_while_paying(invoice: Invoice) -> None:
    open_ = InvoicePayment.objects.filter(invoice=invoice, status=InvoicePaymentStatus.OPEN)
    payment = open_.first()
    if payment is not None:
        raise InvoicePaymentInProgress(invoice=invoice.id, payment_intent=payment.intent_id)


def delete_draft(*, scope: Scope, invoice_id: str) -> None:
    """
    Throw a draft away; what was on it waits again.

    :raises InvoiceNotEditable: it is no draft any more
    """
    get_row(Invoice, scope, invoice_id)
    with transaction.atomic():
        invoice = Invoice.objects.lock(invoice_id)
        if invoice.status != S.DRAFT or invoice.subscription_id is not None:
            raise InvoiceNotEditable(invoice=invoice.id, status=str(invoice.status))
        InvoiceItem.objects.filter(invoice=invoice).update(invoice=None)
        invoice.delete()


# --- Credit notes ---------------------------------------------------------------------------------


def create_credit_note(
    *,
    scope: Scope,
    invoice_id: str,
    amount: int,
    fields: dict[str, Any],
    origin: Origin,
    now: datetime,
) -> CreditNote:
    """
    Take part of a final invoice back; `amount` in minor units.

    Off an open invoice it lessens what is due; of a paid one it becomes the customer's credit.

    :raises CreditExceedsInvoice: more than is left to credit
    :raises InvoiceNotPayable: it is a draft or void
    :raises InvoicePaymentInProgress: it is being paid right now
    """
    get_row(Invoice, scope, invoice_id, param="invoice")
    release_payment(invoice_id=invoice_id, origin=origin, now=now)
    with transaction.atomic():
        invoice = lock_with_subscription(invoice_id)
        if invoice.status not in {S.OPEN, S.PAID}:
            raise InvoiceNotPayable(invoice=invoice.id, status=str(invoice.status))
        times = times_of(invoice.test_clock_id, now)
        unit = Unit(origin=origin, times=times)
        _check_credit(invoice, amount)
        note = CreditNote(
            id=new_id("cn"),
            merchant_id=scope.merchant_id,
            livemode=scope.livemode,
            created_at=times.now,
            invoice=invoice,
            number=take_numbers(scope, kind="credit", count=1)[0],
            status="issued",
            amount=amount,
            credit_amount=amount if invoice.status == S.PAID else 0,
            **fields,
        )
        unit.create(note, "credit_note.created", partial(render_credit_note, note))
        _apply_credit(unit, invoice, note, times)
        unit.write()
    return note


def _check_credit(invoice: Invoice, amount: int) -> None:
    issued = CreditNote.objects.filter(invoice=invoice, status="issued")
    credited = sum(issued.values_list("amount", flat=True))
    creditable = invoice.amount_remaining if invoice.status == S.OPEN else invoice.total - credited
    if not 0 < amount <= creditable:
        raise CreditExceedsInvoice(requested=amount, creditable=creditable, param="amount")


def _apply_credit(unit: Unit, invoice: Invoice, note: CreditNote, times: Times) -> None:
    if note.credit_amount:
        customer = Customer.objects.lock(invoice.customer_id)
        change_balance(
            unit,
            customer,
            amount=-note.credit_amount,
            currency=invoice.currency,
            type_="credit_note",
            credit_note_id=note.id,
        )
        return
    invoice.amount_credited += note.amount
    if invoice.amount_remaining:
        record_invoice(unit, invoice, "invoice.updated")
    else:
        receive_money(unit, invoice, times=times)


def void_credit_note(*, scope: Scope, note_id: str, origin: Origin, now: datetime) -> CreditNote:
    """
    Take a credit note back, as long as its invoice is open.

    :raises CreditNoteVoid: it is void, or has become credit or paid the invoice
    """
    get_row(CreditNote, scope, note_id)
    with transaction.atomic():
        invoice = lock_with_subscription(CreditNote.objects.get(pk=note_id).invoice_id)
        note = CreditNote.objects.select_for_update(of=("self",)).get(pk=note_id)
        note.invoice = invoice
        if note.status == "void" or note.credit_amount or invoice.status != S.OPEN:
            raise CreditNoteVoid(credit_note=note.number)
        times = times_of(invoice.test_clock_id, now)
        unit = Unit(origin=origin, times=times)
        note.status, note.voided_at = "void", times.now
        unit.record(note, "credit_note.voided", partial(render_credit_note, note))
        invoice.amount_credited -= note.amount
        record_invoice(unit, invoice, "invoice.updated")
        unit.write()
    return note
