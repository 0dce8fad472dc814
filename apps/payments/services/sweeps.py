"""Clock jobs: take over what a dead process left, expire what nobody paid."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection

from apps.common.errors import DomainError
from apps.common.logs import about
from apps.common.origin import CLOCK, Origin, Scope
from apps.common.tracing import span
from apps.outbox.selectors import on_behalf_of_last_request
from apps.payments.models import PaymentIntent, PaymentOrder
from apps.payments.policies import LEASE
from apps.payments.selectors import get_attempt_and_intent
from apps.payments.services.attempts import resolve_attempt, run_attempt
from apps.payments.services.intents import cancel_intent
from apps.payments.services.orders import settle_checkout
from apps.payments.services.refunds import run_refund
from apps.payments.services.step import Step
from apps.payments.states import IntentStatus, Operation, OrderStatus
from apps.vault.selectors import get_chargeable_method

logger = logging.getLogger(__name__)

# How many rows one sweep takes over; several sweepers share a backlog by SKIP LOCKED.
BATCH = 50

# No request that keeps a checkout lives longer; one that comes back with its key goes on by itself.
CHECKOUT_GRACE = timedelta(minutes=1)

_CLAIM = """
UPDATE {table} SET due_at = %s, checks = checks + 1
WHERE id IN (
    SELECT id FROM {table} WHERE due_at <= %s
    ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
)
RETURNING id, checks, {owner}
"""


def sweep_attempts(*, now: datetime) -> int:
    """Resolve attempts whose runner died or whose gateway owes an answer; return how many."""
    return _sweep("payments_paymentattempt", _take_over, owner="intent_id", now=now)


def sweep_refunds(*, now: datetime) -> int:
    """Send or look up refunds without an outcome; return how many."""
    return _sweep("payments_refund", _send_again, owner="id", now=now)


def _sweep(
    table: str, step: Callable[[str, int, Origin, datetime], object], *, owner: str, now: datetime
) -> int:
    """Take rows over; `owner` is the column that names whose history tells who asked for it."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM.format(table=table, owner=owner), [now + LEASE, now, BATCH])
        claimed = cursor.fetchall()
    for id_, checks, owner_id in claimed:
        try:
            origin = on_behalf_of_last_request(owner_id)
            with (
                about(request_id=origin.request_id, object=owner_id),
                span(f"sweep {table}", request_id=origin.request_id, row=id_),
            ):
                step(id_, checks, origin, now)
        except Exception:
            logger.exception("sweep of %s failed; it is tried again after its lease", id_)
    return len(claimed)


def _send_again(refund_id: str, _checks: int, origin: Origin, now: datetime) -> None:
    run_refund(refund_id=refund_id, origin=origin, now=now)


def _take_over(attempt_id: str, checks: int, origin: Origin, now: datetime) -> None:
    if checks > 0:
        resolve_attempt(attempt_id=attempt_id, origin=origin, now=now, is_claimed=True)
        return
    # Never run before: the client asked for an asynchronous answer.
    attempt, intent = get_attempt_and_intent(attempt_id)
    if attempt.operation == Operation.CREATE:
        scope = Scope(attempt.merchant_id, attempt.livemode)
        method = get_chargeable_method(scope, attempt.payment_method_id)
        run_attempt(intent=intent, attempt=attempt, method=method, origin=origin, now=now)


def sweep_checkouts(*, now: datetime) -> int:
    """Finish or give up checkouts whose request died on the way; return how many."""
    waiting = PaymentOrder.objects.filter(
        status=OrderStatus.NOT_STARTED, created_at__lte=now - CHECKOUT_GRACE
    ).order_by("created_at")
    # Several orders of one checkout are one piece of work.
    found = list(dict.fromkeys(waiting.values_list("checkout_id", flat=True)[:BATCH]))
    for checkout_id in found:
        try:
            settle_checkout(checkout_id=checkout_id, now=now)
        except DomainError as refusal:
            logger.warning("%s is not settled: %s", checkout_id, refusal)
    return len(found)


def expire_intents(*, now: datetime) -> int:
    """
    End the intents which nobody paid in time; return how many were looked at.

    One that waits for its payer at the bank is voided there first, so that it cannot succeed
    afterwards; should it have succeeded already, it is recorded as paid.
    """
    due = PaymentIntent.objects.filter(
        status__in=[IntentStatus.CREATED, IntentStatus.FAILED, IntentStatus.REQUIRES_ACTION],
        expires_at__lte=now,
    ).order_by("expires_at")[:BATCH]
    for intent in due:
        try:
            _expire(intent, now=now)
        except DomainError as refusal:
            logger.warning("%s is not expired: %s", intent.id, refusal)
    return len(due)


def _expire(intent: PaymentIntent, *, now: datetime) -> None:
    if intent.status == IntentStatus.REQUIRES_ACTION:
        scope = Scope(intent.merchant_id, intent.livemode)
        cancel_intent(scope=scope, intent_id=intent.id, reason="expired", origin=CLOCK, now=now)
        return
    step = Step(intent, origin=CLOCK, now=now)
    step.event("payment_intent.expired", at=now.isoformat())
    step.write()
