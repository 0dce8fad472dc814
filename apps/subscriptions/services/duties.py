"""
The billing run: everything that the clock does to subscriptions, in batches.

A batch is locked with SKIP LOCKED, decided in memory and written with a handful of statements, so
several schedulers share the work and one that dies leaves nothing half done. Renewals that are
alike are decided once and copied (`copies`). A subscription moves by one period at a time; after
a pause of the scheduler it is simply due again (AC-39).
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

from django.db import transaction
from django.db.models import QuerySet

from apps.common.origin import CLOCK
from apps.subscriptions.models import Subscription
from apps.subscriptions.policies.agenda import MAX_RUNS_PER_DAY, Duty, next_duty
from apps.subscriptions.policies.time import Interval
from apps.subscriptions.selectors import Contract, Times, load_contracts
from apps.subscriptions.services.bills import Bill
from apps.subscriptions.services.copies import (
    Due,
    Pattern,
    can_be_copied,
    copy_renewals,
    group_alike,
    lock_due,
)
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
BATCH = 2000
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
    try:
        with transaction.atomic():
            due = lock_due(times, test_clock_id=test_clock_id, limit=BATCH)
            return len(due), _perform(due, times, is_inline=is_inline)
    except Exception:
        logger.exception("a batch of the billing run failed; its rows are tried one by one")
    rows = Subscription.objects.filter(test_clock_id=test_clock_id, due_at__lte=times.now)
    ids = list(rows.order_by("due_at").values_list("pk", flat=True)[:BATCH])
    expiring: list[str] = []
    for subscription_id in ids:
        expiring += _bill_one(rows.filter(pk=subscription_id), times, is_inline=is_inline)
    return len(ids), expiring


def _bill_one(rows: QuerySet[Subscription], times: Times, *, is_inline: bool) -> list[str]:
    locked = rows.select_for_update(of=("self",), skip_locked=True).select_related("customer")
    try:
        with transaction.atomic():
            return _perform_each(list(locked), times, is_inline=is_inline)[0]
    except Exception:
        logger.exception("a subscription cannot be billed")
        rows.update(due_at=times.now + REST_AFTER_FAILURE)
        return []


def _perform(due: Sequence[Due], times: Times, *, is_inline: bool) -> list[str]:
    """Do what is due: in full for the first of those that are alike, then the same for the rest."""
    groups = {group[0].id: group for group in group_alike(due)}
    expiring, patterns = _perform_each(_load(groups), times, groups=groups, is_inline=is_inline)
    copied = {pattern.first.id for pattern in patterns}
    others = [row.id for first, *rest in groups.values() if first.id not in copied for row in rest]
    if others:
        expiring += _perform_each(_load(others), times, is_inline=is_inline)[0]
    copy_renewals(patterns)
    return expiring


def _load(ids: Collection[str]) -> list[Subscription]:
    """Return the rows, which are locked already, in the order of the ids."""
    rows = Subscription.objects.select_related("customer").in_bulk(ids)
    return [rows[subscription_id] for subscription_id in ids]


def _perform_each(
    rows: Sequence[Subscription],
    times: Times,
    *,
    groups: Mapping[str, Sequence[Due]] = MappingProxyType({}),
    is_inline: bool,
) -> tuple[list[str], list[Pattern]]:
    """
    Do what is due for each of the rows.

    Returns those whose first payment has to be given up, and the bills that others of their
    group can be billed like.
    """
    unit = Unit(origin=CLOCK, times=times)
    bills: list[Bill] = []
    expiring: list[str] = []
    intervals: dict[str, Interval] = {}
    for contract in load_contracts(rows):
        duty = next_duty(calendar_of(contract.subscription))
        if duty is not None and duty[0] == Duty.EXPIRE:
            contract.subscription.due_at = times.now + EXPIRY_LEASE
            unit.update(contract.subscription)
            expiring.append(contract.subscription.id)
        elif duty is None or duty[1] > times.now:
            set_due(contract.subscription)
            unit.update(contract.subscription)
        elif made := _do(unit, contract, duty[0], times):
            bills += made
            intervals[contract.subscription.id] = contract.interval
    write_bills(unit, bills, times, is_inline=is_inline)
    unit.write()
    patterns = []
    for bill in bills:
        subscription_id = str(bill.invoice.subscription_id)
        group = groups.get(subscription_id, ())
        if len(group) > 1 and can_be_copied(bill):
            events = [*unit.events_of(bill.invoice.id), *unit.events_of(subscription_id)]
            interval = intervals[subscription_id]
            patterns.append(Pattern(bill, events, interval, group[0], group[1:]))
    return expiring, patterns


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
