"""
An invoice was not paid: what that means for it, for its schedule and for its subscription.

The clock moves the schedule (`services.dunning`), not the outcomes: so a payment by hand that
fails takes no slot away, and a slot that was skipped is gone all the same (AC-31, AC-32).
"""

from functools import partial
from typing import Any

from apps.subscriptions.metrics import count_dunning
from apps.subscriptions.models import CollectionTry, Invoice, Subscription
from apps.subscriptions.objects import render_invoice
from apps.subscriptions.policies.dunning import FinalAction, is_hard_decline, retry_at
from apps.subscriptions.selectors import Times, dunning_terms_of, list_lines, load_contract
from apps.subscriptions.services.lifecycle import end, record, stop_collecting, write_bills
from apps.subscriptions.services.unit import Unit
from apps.subscriptions.states import InvoiceStatus, SubscriptionStatus

S = SubscriptionStatus


def record_failure(
    unit: Unit, invoice: Invoice, error: dict[str, Any], *, times: Times, method_id: str = ""
) -> None:
    """Note that a charge of the locked invoice failed; the first failure starts its schedule."""
    invoice.last_error = error
    invoice.needs_new_method = is_hard_decline(
        error_class=error.get("error_class") or "",
        decline_code=error.get("decline_code") or "",
        advice_code=error.get("advice_code") or "",
    )
    _note(unit, invoice, "invoice.payment_failed", times, method_id, outcome="failed")


def record_required_action(unit: Unit, invoice: Invoice, *, times: Times, method_id: str) -> None:
    """Note that the bank wants its customer to confirm; that is no decline of the card (AC-95)."""
    invoice.needs_new_method = False
    _note(
        unit,
        invoice,
        "invoice.payment_action_required",
        times,
        method_id,
        outcome="requires_action",
    )


def _note(
    unit: Unit, invoice: Invoice, type_: str, times: Times, method_id: str, *, outcome: str
) -> None:
    is_first = invoice.first_failed_at is None
    invoice.attempted = True
    invoice.collect_at = None
    invoice.attempt_count = invoice.attempt_count or 1
    if is_first:
        _start_schedule(invoice, times)
    if method_id:
        CollectionTry.objects.create(
            invoice=invoice, payment_method_id=method_id, outcome=outcome, tried_at=times.now
        )
    count_dunning(invoice, outcome)
    record_invoice(unit, invoice, type_)
    if is_first and invoice.next_payment_attempt is not None:
        record_invoice(unit, invoice, "dunning.attempt_scheduled")
    _tell_subscription(unit, invoice, times)
    if is_exhausted(invoice):
        give_up(unit, invoice, times)


def _start_schedule(invoice: Invoice, times: Times) -> None:
    invoice.first_failed_at = times.now
    if not has_schedule(invoice):
        return
    subscription = invoice.subscription
    invoice.next_payment_attempt = retry_at(
        dunning_terms_of(invoice),
        first_failed_at=times.now,
        slot=0,
        time_zone=subscription.time_zone if subscription else "UTC",
    )


def has_schedule(invoice: Invoice) -> bool:
    """Return whether the clock retries this invoice: not while its subscription has not begun."""
    subscription = invoice.subscription
    return invoice.auto_advance and (
        subscription is None or not (subscription.is_ended or subscription.status == S.INCOMPLETE)
    )


def is_exhausted(invoice: Invoice) -> bool:
    """Return whether every slot of the schedule has passed and the last is decided."""
    return (
        invoice.status == InvoiceStatus.OPEN
        and has_schedule(invoice)
        and invoice.first_failed_at is not None
        and invoice.next_payment_attempt is None
        and invoice.collect_at is None
    )


def record_invoice(unit: Unit, invoice: Invoice, type_: str) -> None:
    """Keep what has happened to the invoice."""
    unit.record(invoice, type_, partial(render_invoice, invoice, list_lines(invoice)))


def _tell_subscription(unit: Unit, invoice: Invoice, times: Times) -> None:
    subscription = invoice.subscription
    if subscription is not None and subscription.status in {S.ACTIVE, S.TRIALING}:
        subscription.fall_behind(now=times.now)
        record(unit, load_contract(subscription))


def give_up(unit: Unit, invoice: Invoice, times: Times) -> None:
    """Do what the policy says when the last slot has failed."""
    invoice.auto_advance = False
    count_dunning(invoice, "exhausted")
    record_invoice(unit, invoice, "dunning.exhausted")
    subscription = invoice.subscription
    if subscription is not None and subscription.status in {S.ACTIVE, S.PAST_DUE}:
        _take_final_action(unit, subscription, dunning_terms_of(invoice).final_action, times)


def _take_final_action(
    unit: Unit, subscription: Subscription, action: FinalAction, times: Times
) -> None:
    contract = load_contract(subscription)
    if action == FinalAction.CANCEL:
        # What was used until now is billed, but nobody charges a customer who does not pay.
        bills = end(unit, contract, times, reason="payment_failed")
        for bill in bills:
            bill.invoice.auto_advance = False
        write_bills(unit, bills, times, is_inline=False)
    elif action == FinalAction.PAUSE:
        subscription.pause()
        record(unit, contract, "customer.subscription.paused")
    else:
        subscription.mark_unpaid()
        record(unit, contract)
        stop_collecting(unit, subscription)
