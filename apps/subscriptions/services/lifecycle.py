"""
The steps in a subscription's life, taken in memory on a locked contract.

The clock, the API and the back-office all take these same steps; the caller writes the unit.
"""

import logging
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from typing import Any

from apps.subscriptions.models import Invoice, RevenueChange
from apps.subscriptions.models import Subscription as Row
from apps.subscriptions.objects import render_invoice, render_subscription
from apps.subscriptions.policies.agenda import Calendar, next_duty
from apps.subscriptions.policies.mrr import kept, monthly
from apps.subscriptions.policies.time import Period
from apps.subscriptions.selectors import Contract, Times, list_lines
from apps.subscriptions.services.bills import (
    Bill,
    advance_lines,
    arrears_lines,
    bill_contract,
    finalize_bills,
    keep_drafts,
)
from apps.subscriptions.services.unit import Unit
from apps.subscriptions.states import (
    BillingReason,
    InvoiceStatus,
    PauseBehavior,
    SubscriptionStatus,
)

logger = logging.getLogger(__name__)


def calendar_of(subscription: Row) -> Calendar:
    """Return the dates that the clock looks at."""
    return Calendar(
        status=str(subscription.status),
        created_at=subscription.created_at,
        period_end=subscription.current_period_end,
        trial_end=subscription.trial_end,
        trial_reminded=subscription.trial_reminded,
        cancel_at=subscription.cancel_at,
        cancel_at_period_end=subscription.cancel_at_period_end,
        pause_resumes_at=subscription.pause_resumes_at,
    )


def set_due(subscription: Row) -> None:
    """Note when the clock has to look at the subscription next."""
    duty = next_duty(calendar_of(subscription))
    subscription.due_at = duty[1] if duty and not subscription.parked_reason else None


def record(
    unit: Unit,
    contract: Contract,
    type_: str = "customer.subscription.updated",
    *,
    before: dict[str, Any] | None = None,
) -> None:
    """Keep what has happened to the subscription, and set its next date."""
    set_due(contract.subscription)
    note_revenue(unit, contract)
    unit.record(contract.subscription, type_, show_contract(contract), before=before)


# Trials earn nothing yet; who has stopped paying for good earns nothing any more.
_EARNING = {SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE}


def note_revenue(unit: Unit, contract: Contract) -> None:
    """Note what the subscription is worth a month from now on, if that is another amount."""
    subscription = contract.subscription
    worth = Fraction(0)
    if subscription.status in _EARNING:
        parts = (monthly(item.amount, contract.interval) for item in contract.items)
        worth = sum(parts, Fraction(0))
    before, after = subscription.monthly_revenue, kept(worth)
    if before == after:
        return
    subscription.monthly_revenue = after
    unit.insert(
        RevenueChange(
            merchant_id=subscription.merchant_id,
            livemode=subscription.livemode,
            subscription=subscription,
            currency=subscription.currency,
            before=before,
            after=after,
            changed_at=unit.now,
        )
    )


def show_contract(contract: Contract) -> "partial[dict[str, object]]":
    """Return how the subscription looks, to be called when that is needed."""
    return partial(render_subscription, contract.subscription, contract.items, contract.discounts)


# --- Periods ----------------------------------------------------------------------------------


def renew(contract: Contract, times: Times) -> Bill:
    """Move the subscription to its next period and bill that, with the last one's usage."""
    subscription = contract.subscription
    old = subscription.period
    period = Period(old.end, subscription.cycle(contract.interval).boundary_after(old.end))
    bill = bill_contract(
        contract,
        [*arrears_lines(contract, old), *advance_lines(contract, period)],
        reason=BillingReason.SUBSCRIPTION_CYCLE,
        period=period,
        times=times,
    )
    if subscription.status == SubscriptionStatus.UNPAID:
        bill.invoice.auto_advance = False
    subscription.current_period_start = period.start
    subscription.current_period_end = period.end
    subscription.latest_invoice_id = bill.invoice.id
    return bill


def write_bills(unit: Unit, bills: Sequence[Bill], times: Times, *, is_inline: bool) -> None:
    """Store the bills; each is then charged, or what its paused collection says."""
    keep_drafts(unit, bills)
    charged, waived = [], []
    for bill in bills:
        behavior = bill.invoice.subscription.pause_behavior if bill.invoice.subscription else ""
        if behavior in {PauseBehavior.VOID, PauseBehavior.MARK_UNCOLLECTIBLE}:
            waived.append(bill)
        elif bill.invoice.auto_advance:
            charged.append(bill)
    finalize_bills(unit, charged, times, is_inline=is_inline)
    finalize_bills(unit, waived, times, is_inline=is_inline, with_credit=False)
    for bill in waived:
        if bill.invoice.status == InvoiceStatus.OPEN:
            _waive(unit, bill, times)


def _waive(unit: Unit, bill: Bill, times: Times) -> None:
    invoice = bill.invoice
    if invoice.subscription and invoice.subscription.pause_behavior == PauseBehavior.VOID:
        invoice.void(now=times.now)
        unit.record(invoice, "invoice.voided", bill.show)
    else:
        invoice.mark_uncollectible(now=times.now)
        unit.record(invoice, "invoice.marked_uncollectible", bill.show)


# --- The end ----------------------------------------------------------------------------------


def end(
    unit: Unit, contract: Contract, times: Times, *, reason: str, extra: Sequence[Bill] = ()
) -> list[Bill]:
    """
    Cancel the subscription now; bill the usage and what waited for the next invoice.

    Invoices that are still open stay owed, but nobody is charged for them any more.
    """
    subscription = contract.subscription
    used = Period(subscription.current_period_start, times.now)
    is_billed = subscription.status not in {
        SubscriptionStatus.TRIALING,
        SubscriptionStatus.INCOMPLETE,
    }
    lines = arrears_lines(contract, used) if is_billed and used.end > used.start else []
    bills = list(extra)
    if any(line.amount for line in lines) or contract.pending:
        bills.append(
            bill_contract(
                contract,
                lines,
                reason=BillingReason.SUBSCRIPTION_UPDATE,
                period=Period(times.now, times.now),
                times=times,
            )
        )
    if bills:
        subscription.latest_invoice_id = bills[-1].invoice.id
    subscription.cancel(now=times.now, reason=reason)
    record(unit, contract, "customer.subscription.deleted")
    stop_collecting(unit, subscription)
    return bills


def stop_collecting(unit: Unit, subscription: Row) -> None:
    """Take the subscription's open invoices out of the queues."""
    queued = Invoice.objects.select_for_update(of=("self",)).select_related("customer")
    for row in queued.filter(subscription_id=subscription.pk, status=InvoiceStatus.OPEN).order_by(
        "pk"
    ):
        invoice = unit.held(row)
        invoice.collect_at = None
        invoice.next_payment_attempt = None
        invoice.auto_advance = False
        if invoice.changes():
            unit.record(
                invoice, "invoice.updated", partial(render_invoice, invoice, list_lines(invoice))
            )
