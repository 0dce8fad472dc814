"""
The billing run: everything that the clock does to subscriptions, in batches.

A batch is locked with SKIP LOCKED, decided in memory and written with a handful of statements, so
several schedulers share the work and one that dies leaves nothing half done. A subscription moves
by one period at a time; after a pause of the scheduler it is simply due again (AC-39).
"""

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet

from apps.common.origin import CLOCK
from apps.subscriptions.models import Subscription
from apps.subscriptions.policies.agenda import MAX_RUNS_PER_DAY, Duty, next_duty
from apps.subscriptions.selectors import Contract, Times, load_contracts
from apps.subscriptions.services.bills import Bill
from apps.subscriptions.services.lifecycle import (
    calendar_of,
    end,
    record,
    renew,
    set_due,
    write_bills,
)
from apps.subscriptions.services.unit import Unit
from apps.subscriptions.states import (
    CollectionMethod,
    MissingMethodAction,
    PauseBehavior,
)

logger = logging.getLogger(__name__)

# Subscriptions per transaction: large enough that statements cost nothing per subscription, small
# enough that no lock is held for long.
BATCH = 500
# A subscription which cannot be billed is left alone for this long, while a person is told.
REST_AFTER_FAILURE = timedelta(minutes=15)
# Giving up a first payment takes the gateway, outside of the batch; when it is tried again.
EXPIRY_LEASE = timedelta(minutes=5)


def bill_due(
    times: Times, *, test_clock_id: str = "", is_inline: bool = False
) -> tuple[int, list[str]]:
    """
    Do a batch of what is due on this clock.

    Returns how many subscriptions were looked at, and those whose first payment has to be given
    up: that takes the gateway, so the caller does it after the commit.
    """
    due = _due(times, test_clock_id)
    try:
        with transaction.atomic():
            rows = list(_lock(due)[:BATCH])
            return len(rows), _perform(rows, times, is_inline=is_inline)
    except Exception:
        logger.exception("a batch of the billing run failed; its rows are tried one by one")
    expiring: list[str] = []
    ids = list(due.values_list("pk", flat=True)[:BATCH])
    for subscription_id in ids:
        expiring += _bill_one(due, subscription_id, times, is_inline=is_inline)
    return len(ids), expiring


def _due(times: Times, test_clock_id: str) -> QuerySet[Subscription]:
    return Subscription.objects.filter(test_clock_id=test_clock_id, due_at__lte=times.now).order_by(
        "due_at"
    )


def _lock(rows: QuerySet[Subscription]) -> QuerySet[Subscription]:
    return rows.select_for_update(of=("self",), skip_locked=True).select_related("customer")


def _bill_one(
    due: QuerySet[Subscription], subscription_id: str, times: Times, *, is_inline: bool
) -> list[str]:
    try:
        with transaction.atomic():
            rows = list(_lock(due.filter(pk=subscription_id)))
            return _perform(rows, times, is_inline=is_inline)
    except Exception:
        logger.exception("%s cannot be billed", subscription_id)
        Subscription.objects.filter(pk=subscription_id).update(
            due_at=times.now + REST_AFTER_FAILURE
        )
        return []


def _perform(rows: Sequence[Subscription], times: Times, *, is_inline: bool) -> list[str]:
    unit = Unit(origin=CLOCK, times=times)
    bills: list[Bill] = []
    expiring: list[str] = []
    for contract in load_contracts(rows):
        duty = next_duty(calendar_of(contract.subscription))
        if duty is not None and duty[0] == Duty.EXPIRE:
            contract.subscription.due_at = times.now + EXPIRY_LEASE
            unit.update(contract.subscription)
            expiring.append(contract.subscription.id)
        elif duty is None or duty[1] > times.now:
            set_due(contract.subscription)
            unit.update(contract.subscription)
        else:
            bills += _do(unit, contract, duty[0], times)
    write_bills(unit, bills, times, is_inline=is_inline)
    unit.write()
    return expiring


def _do(unit: Unit, contract: Contract, duty: Duty, times: Times) -> list[Bill]:
    subscription = contract.subscription
    if duty == Duty.RENEW:
        return _renew(unit, contract, times)
    if duty == Duty.END_TRIAL:
        return _end_trial(unit, contract, times)
    if duty == Duty.CANCEL:
        return end(unit, contract, times, reason="cancellation_requested")
    if duty == Duty.REMIND:
        subscription.trial_reminded = True
        record(unit, contract, "customer.subscription.trial_will_end")
    elif duty == Duty.RESUME_COLLECTION:
        subscription.pause_behavior = PauseBehavior.NONE
        subscription.pause_resumes_at = None
        record(unit, contract)
    return []


def _renew(unit: Unit, contract: Contract, times: Times) -> list[Bill]:
    if _is_running_away(contract.subscription, times):
        contract.subscription.parked_reason = f"more than {MAX_RUNS_PER_DAY} periods in a day"
        logger.error("%s is parked: %s", contract.subscription.id, "too many periods in a day")
        record(unit, contract)
        return []
    bill = renew(contract, times)
    record(unit, contract)
    return [bill]


def _is_running_away(subscription: Subscription, times: Times) -> bool:
    """Count the periods billed today in real time; a test clock may bill a year in a minute."""
    today = times.wall.date()
    subscription.runs = subscription.runs + 1 if subscription.runs_on == today else 1
    subscription.runs_on = today
    return subscription.runs > MAX_RUNS_PER_DAY and not subscription.test_clock_id


def _end_trial(unit: Unit, contract: Contract, times: Times) -> list[Bill]:
    subscription = contract.subscription
    action = subscription.missing_method_action
    if _has_method(subscription) or action == MissingMethodAction.CREATE_INVOICE:
        subscription.activate()
        bill = renew(contract, times)
        record(unit, contract)
        return [bill]
    if action == MissingMethodAction.CANCEL:
        return end(unit, contract, times, reason="payment_method_missing")
    subscription.pause()
    record(unit, contract, "customer.subscription.paused")
    return []


def _has_method(subscription: Subscription) -> bool:
    return bool(
        subscription.default_payment_method_id
        or subscription.customer.default_payment_method_id
        or subscription.collection_method == CollectionMethod.SEND_INVOICE
    )
