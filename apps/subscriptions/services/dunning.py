"""The clock's side of dunning: slots pass, whether or not they can be used."""

import logging
from datetime import datetime

from django.db import transaction

from apps.common.origin import CLOCK, Origin
from apps.subscriptions.models import CollectionTry, Invoice, Subscription
from apps.subscriptions.policies.dunning import DunningTerms, has_access, retry_at
from apps.subscriptions.selectors import Times, dunning_terms_of, method_to_charge, times_of
from apps.subscriptions.services.bills import COLLECTION_LEASE
from apps.subscriptions.services.collection import collect_invoice, lock_with_subscription
from apps.subscriptions.services.setbacks import (
    give_up,
    has_schedule,
    is_exhausted,
    record_invoice,
)
from apps.subscriptions.services.unit import Unit
from apps.subscriptions.states import InvoiceStatus

logger = logging.getLogger(__name__)

# Slots moved per sweep; each is a small transaction of its own.
BATCH = 200


def pass_slots(times: Times, *, test_clock_id: str = "", is_inline: bool = False) -> list[str]:
    """
    Move the schedules of which a slot is due on this clock; return the invoices they belong to.

    What can be charged is queued; with `is_inline` the caller charges it next.
    """
    due = Invoice.objects.filter(
        test_clock_id=test_clock_id, next_payment_attempt__lte=times.now
    ).order_by("next_payment_attempt")
    ids = list(due.values_list("pk", flat=True)[:BATCH])
    for invoice_id in ids:
        try:
            _pass_slot(invoice_id, times, is_inline=is_inline)
        except Exception:
            logger.exception("the schedule of %s could not be moved", invoice_id)
    return ids


def _pass_slot(invoice_id: str, times: Times, *, is_inline: bool) -> None:
    with transaction.atomic():
        invoice = lock_with_subscription(invoice_id)
        due = invoice.next_payment_attempt
        if invoice.status != InvoiceStatus.OPEN or due is None or due > times.now:
            return
        unit = Unit(origin=CLOCK, times=times)
        _move_schedule(invoice, times)
        if has_schedule(invoice) and not _is_hopeless(invoice):
            invoice.collect_at = times.wall + COLLECTION_LEASE if is_inline else times.wall
        if invoice.next_payment_attempt is not None:
            record_invoice(unit, invoice, "dunning.attempt_scheduled")
        elif is_exhausted(invoice):
            give_up(unit, invoice, times)
        else:
            record_invoice(unit, invoice, "invoice.updated")
        unit.write()


def _move_schedule(invoice: Invoice, times: Times) -> None:
    """Pass every slot that is due: after a pause of the scheduler several make one retry."""
    terms = dunning_terms_of(invoice)
    zone = invoice.subscription.time_zone if invoice.subscription else "UTC"
    first = invoice.first_failed_at or times.now
    while invoice.next_payment_attempt is not None and invoice.next_payment_attempt <= times.now:
        invoice.dunning_slot += 1
        invoice.attempt_count += 1
        invoice.next_payment_attempt = retry_at(
            terms, first_failed_at=first, slot=invoice.dunning_slot, time_zone=zone
        )


def _is_hopeless(invoice: Invoice) -> bool:
    """Return whether the card that would be charged has been refused for good before (AC-31)."""
    if not invoice.needs_new_method:
        return False
    return method_to_charge(invoice, invoice.customer) == _last_method(invoice)


def _last_method(invoice: Invoice) -> str:
    tries = CollectionTry.objects.filter(invoice_id=invoice.pk).order_by("-id")
    return tries.values_list("payment_method_id", flat=True).first() or ""


def charge_overdue(*, customer_id: str, origin: Origin, now: datetime) -> None:
    """
    Charge the customer's overdue invoices with a new card, oldest first (AC-32, AC-36).

    Only those whose method to charge is another than the one tried last: hearing of the same new
    card twice retries once. No slot of the schedule is taken.
    """
    overdue = Invoice.objects.filter(
        customer_id=customer_id, status=InvoiceStatus.OPEN, first_failed_at__isnull=False
    ).order_by("created_at", "pk")
    for invoice_id in list(overdue.values_list("pk", flat=True)[:BATCH]):
        if _queue_retry(invoice_id, now=now):
            collect_invoice(invoice_id=invoice_id, origin=origin, now=now)


def _queue_retry(invoice_id: str, *, now: datetime) -> bool:
    with transaction.atomic():
        invoice = lock_with_subscription(invoice_id)
        if invoice.status != InvoiceStatus.OPEN or invoice.collect_at is not None:
            return False
        method = method_to_charge(invoice, invoice.customer)
        if not method or method == _last_method(invoice):
            return False
        unit = Unit(origin=CLOCK, times=times_of(invoice.test_clock_id, now))
        invoice.needs_new_method = False
        invoice.collect_at = now + COLLECTION_LEASE
        record_invoice(unit, invoice, "invoice.updated")
        unit.write()
    return True


def has_access_to(subscription: Subscription, times: Times) -> bool:
    """Return whether the customer is served now, as the dunning policy grants it (AC-36)."""
    policy = subscription.dunning_policy
    terms = policy.terms if policy else DunningTerms()
    return has_access(
        str(subscription.status),
        past_due_since=subscription.past_due_since,
        terms=terms,
        now=times.now,
    )
