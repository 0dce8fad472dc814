"""Refunds: reserve the money, send it back, record the outcome."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.db import connection, transaction

from apps.common.ids import new_id
from apps.common.metadata import merge_metadata
from apps.common.origin import CLOCK, Origin, Scope
from apps.common.transactions import release_connection
from apps.gateways.base import RefundRequest, RefundResult, RefundState
from apps.gateways.calls import call_gateway, running_clock
from apps.gateways.errors import GatewayError, GatewayNeverReceived, GatewayNotSent, GatewayRejected
from apps.gateways.registry import get_gateway
from apps.ledger import recipes
from apps.ledger.recipes import Fact
from apps.outbox.services import EventDraft, publish
from apps.payments.errors import (
    ChargeDisputed,
    PaymentNotRefundable,
    RefundExceedsCaptured,
    RefundNotCancelable,
    RefundNotRetryable,
    UncapturedNotRefundable,
)
from apps.payments.holds import find_held
from apps.payments.metrics import count_refund
from apps.payments.models import PaymentAttempt, PaymentIntent, Refund
from apps.payments.objects import render_charge, render_refund
from apps.payments.policies import LEASE, next_check, next_poll
from apps.payments.selectors import get_intent, get_refund
from apps.payments.services.exchange import (
    exchange_refund,
    exchange_refund_back,
    keep_told_rate,
)
from apps.payments.services.step import Step
from apps.payments.states import IntentStatus, RefundStatus
from apps.payouts.services.shares import Taken, give_share_again, take_back_share

logger = logging.getLogger(__name__)

RefundOutcome = RefundResult | GatewayError

# After this a gateway may have forgotten our idempotency key; a lost refund is then only looked
# up, never asked for again. Source: Stripe keeps keys for at least 24 h.
KEY_LIFETIME = timedelta(hours=20)


def request_refund(
    *,
    scope: Scope,
    intent_id: str,
    amount: int | None = None,
    reason: str = "",
    metadata: Mapping[str, str] | None = None,
    needs_approval: bool = False,
    retry_of: str = "",
    origin: Origin,
    now: datetime,
    remember: Callable[[str], None] | None = None,
) -> Refund:
    """
    Reserve part of a captured payment for a refund; `run_refund` then sends it back.

    `amount` is minor units of the intent's currency; without it everything left goes back.
    With `needs_approval` it waits for a second person first (`services.approvals`). `retry_of` is
    the failed refund that it tries again.
    `remember` notes the refund's id as recovery point of the caller's key, in this transaction.

    :raises ResourceMissing: no such intent
    :raises UncapturedNotRefundable: the money is only held (AC-49e)
    :raises PaymentNotRefundable: nothing was captured
    :raises ChargeDisputed: the payer's bank holds the money (AC-86)
    :raises RefundExceedsCaptured: more than is left
    :raises RefundNotRetryable: `retry_of` has not failed, or was tried again before
    Source: docs/adr/0007-refunds-are-reserved-before-they-are-sent.md
    """
    get_intent(scope, intent_id)
    with transaction.atomic():
        # The lock makes two clerks who press the button together take turns.
        intent = PaymentIntent.objects.lock(intent_id)
        _check_captured(intent)
        _check_retry(intent, retry_of)
        attempt = PaymentAttempt.objects.get(intent_id=intent_id, kept=True)
        wanted = _check_refundable(intent, attempt, amount)
        refund = Refund(
            id=new_id("re"),
            merchant_id=intent.merchant_id,
            livemode=intent.livemode,
            version=1,
            intent_id=intent.id,
            attempt_id=attempt.id,
            status=RefundStatus.REQUIRES_APPROVAL if needs_approval else RefundStatus.PENDING,
            amount=wanted,
            currency=intent.currency,
            reason=reason,
            metadata=dict(metadata or {}),
            retry_of_id=retry_of or None,
            actor=origin.actor,
            due_at=None if needs_approval else now + LEASE,
            created_at=now,
        )
        step = Step(intent, origin=origin, now=now)
        step.put_refund(refund)
        step.event("payment_intent.refund_requested", refund=refund.id, amount=wanted)
        step.object_event("refund.created", refund.id, 1, render_refund(refund))
        step.write()
        if remember is not None:
            remember(refund.id)
    return refund


def _check_captured(intent: PaymentIntent) -> None:
    if intent.status == IntentStatus.REQUIRES_CAPTURE:
        raise UncapturedNotRefundable(intent=intent.id)
    if intent.status not in {IntentStatus.SUCCEEDED, IntentStatus.REFUNDED}:
        raise PaymentNotRefundable(intent=intent.id, status=intent.status)


def _check_retry(intent: PaymentIntent, retry_of: str) -> None:
    """Refuse to try again what did not fail; asked under the lock of the intent."""
    if not retry_of:
        return
    failed = Refund.objects.get(pk=retry_of, intent_id=intent.pk)
    retry = Refund.objects.filter(retry_of_id=retry_of).first()
    if retry is not None or not failed.may_be_retried:
        raise RefundNotRetryable(
            refund=retry_of, status=failed.status, retry=retry.pk if retry else "-"
        )


def _check_refundable(intent: PaymentIntent, attempt: PaymentAttempt, amount: int | None) -> int:
    held = find_held(attempt.id)
    if held.blocks_refunds:
        raise ChargeDisputed(charge=attempt.charge_id, disputed=held.amount)
    # What a dispute took is with the payer already.
    refundable = max(intent.amount_refundable - held.amount, 0)
    wanted = refundable if amount is None else amount
    if wanted > refundable or wanted <= 0:
        raise RefundExceedsCaptured(requested=wanted, refundable=refundable, param="amount")
    return wanted


def run_refund(*, refund_id: str, origin: Origin = CLOCK, now: datetime) -> Refund:
    """
    Send a pending refund to its gateway, outside any transaction, and record the outcome.

    The refund's id is the key there, so running it twice sends one refund.
    """
    refund = Refund.objects.select_related("attempt").get(pk=refund_id)
    if refund.status != RefundStatus.PENDING:
        return refund
    release_connection()
    try:
        outcome: RefundOutcome = call_gateway(
            lambda: _send(refund, now=now),
            gateway=refund.attempt.gateway,
            operation="refund",
            clock=running_clock(now),
        )
    except GatewayError as error:
        logger.warning("refund %s: %s: %s", refund_id, type(error).__name__, error)
        outcome = error
    return record_refund(refund_id=refund_id, outcome=outcome, origin=origin, now=now)


def _send(refund: Refund, *, now: datetime) -> RefundResult:
    attempt = refund.attempt
    gateway = get_gateway(attempt.gateway)
    if refund.gateway_reference:
        return gateway.retrieve_refund(refund.gateway_reference)
    if now - refund.created_at > KEY_LIFETIME:
        found = gateway.find_refund(refund.id, payment_reference=attempt.gateway_reference)
        if found is None:
            raise GatewayNeverReceived("the gateway has no refund with our reference")
        return found
    return gateway.create_refund(
        RefundRequest(
            refund_id=refund.id,
            reference=attempt.gateway_reference,
            charge_reference=attempt.charge_reference,
            amount=refund.amount,
            currency=refund.currency,
            reason=refund.reason,
        )
    )


def record_refund(
    *, refund_id: str, outcome: RefundOutcome, origin: Origin, now: datetime
) -> Refund:
    """
    Record what a gateway said about a refund; hearing it twice changes nothing.

    Books the ledger in the same transaction. A refund reported as done may fail days later: the
    amount is refundable again and the booking is reversed (AC-49b).
    """
    with transaction.atomic():
        intent_id = Refund.objects.values_list("intent_id", flat=True).get(pk=refund_id)
        intent = PaymentIntent.objects.lock(intent_id)
        refund = Refund.objects.select_related("attempt").get(pk=refund_id)
        step = Step(intent, origin=origin, now=now)
        status_before = refund.status
        if isinstance(outcome, RefundResult):
            settle_refund_result(step, refund, outcome)
        else:
            _settle_refund_setback(step, refund, outcome)
        refund.save()
        if not step.is_empty:
            step.write()
    if refund.status != status_before:
        count_refund(refund)
    return refund


def settle_refund_result(step: Step, refund: Refund, result: RefundResult) -> None:
    """Take what the gateway says about a refund into the step; its row is the caller's to write."""
    version_before = refund.version
    refund.gateway_reference = result.reference or refund.gateway_reference
    is_told = result.bank_reference not in {"", refund.bank_reference}
    if is_told:
        refund.bank_reference = result.bank_reference[:100]
        refund.bank_reference_type = result.bank_reference_type[:40]
    is_over = refund.status in {RefundStatus.FAILED, RefundStatus.CANCELED}
    if result.state == RefundState.SUCCEEDED and refund.status == RefundStatus.PENDING:
        _succeed(step, refund, result)
    elif result.state in {RefundState.FAILED, RefundState.CANCELED} and not is_over:
        _fail(step, refund, reason=result.failure_code or str(result.state))
    elif result.state == RefundState.PENDING and refund.status == RefundStatus.PENDING:
        refund.due_at = next_poll(step.now, checks=refund.checks)
    if is_told and refund.version == version_before:
        # The bank's number comes days after the money has left, too.
        refund.version += 1
        _show(step, refund, "refund.updated")


def _settle_refund_setback(step: Step, refund: Refund, error: GatewayError) -> None:
    if refund.status != RefundStatus.PENDING:
        return
    if isinstance(error, GatewayRejected | GatewayNeverReceived):
        code = error.code if isinstance(error, GatewayRejected) else "never_received"
        _fail(step, refund, reason=code or "gateway_rejected")
    else:
        refund.due_at = next_check(step.now, checks=refund.checks)
        if isinstance(error, GatewayNotSent) and refund.due_at is None:
            _fail(step, refund, reason="gateway_unavailable")


def _succeed(step: Step, refund: Refund, result: RefundResult) -> None:
    refund.apply("succeed")
    refund.due_at = None
    taken = _take_back(step, refund)
    if not refund.compensates:
        is_last = step.intent.amount_refunded + refund.amount == step.intent.amount_received
        name = "refunded" if is_last else "partially_refunded"
        step.event(f"payment_intent.{name}", refund=refund.id, amount=refund.amount)
        _show_charge(step, refund)
    _show(step, refund, "refund.updated")
    entry = recipes.refunded(_fact(step, refund), shares=taken.shares, platform_fee=taken.fee)
    step.book(exchange_refund(entry, refund, result.settlement, now=step.now))
    keep_told_rate(refund.attempt, result.settlement)


def _fail(step: Step, refund: Refund, *, reason: str) -> None:
    was_done = refund.status == RefundStatus.SUCCEEDED
    refund.apply("fail", reason=reason)
    refund.due_at = None
    if not refund.compensates:
        name = "refund_returned" if was_done else "refund_failed"
        step.event(f"payment_intent.{name}", refund=refund.id, amount=refund.amount)
    _show(step, refund, "refund.failed")
    if was_done:
        given = _give_again(step, refund)
        entry = recipes.refund_reversed(
            _fact(step, refund), shares=given.shares, platform_fee=given.fee
        )
        step.book(exchange_refund_back(entry, refund))
    if refund.compensates:
        logger.error("compensation %s of %s failed: %s", refund.id, refund.attempt_id, reason)


def _take_back(step: Step, refund: Refund) -> Taken:
    """Take the seller's part, and our fee's, of what goes back (AC-49d)."""
    intent = step.intent
    if refund.compensates or not intent.transfer_destination:
        return Taken()
    return take_back_share(
        charge_id=refund.attempt.charge_id,
        source=refund.id,
        amount=refund.amount,
        payment_left=intent.amount_received - intent.amount_refunded,
        origin=step.origin,
        now=step.now,
    )


def _give_again(step: Step, refund: Refund) -> Taken:
    if refund.compensates or not step.intent.transfer_destination:
        return Taken()
    return give_share_again(source=refund.id, origin=step.origin, now=step.now)


def cancel_refund(*, scope: Scope, refund_id: str, origin: Origin, now: datetime) -> Refund:
    """
    Cancel a refund that still waits for approval.

    :raises RefundNotCancelable: it is at the gateway already, or over
    """
    intent_id = get_refund(scope, refund_id).intent_id
    with transaction.atomic():
        intent = PaymentIntent.objects.lock(intent_id)
        refund = Refund.objects.get(pk=refund_id)
        if refund.status != RefundStatus.REQUIRES_APPROVAL:
            raise RefundNotCancelable(refund=refund_id, status=refund.status)
        step = Step(intent, origin=origin, now=now)
        refund.apply("cancel")
        refund.save()
        step.event("payment_intent.refund_failed", refund=refund.id, amount=refund.amount)
        _show(step, refund, "refund.updated")
        step.write()
    return refund


def release_refund(*, refund_id: str, origin: Origin, now: datetime) -> Refund:
    """
    Let a refund that waited for approval go to its gateway; the sweeper sends it at once.

    :raises IllegalTransition: it does not wait for approval any more
    """
    with transaction.atomic():
        refund = Refund.objects.select_for_update().get(pk=refund_id)
        refund.apply("approve")
        refund.due_at = now
        refund.save()
        _publish_update(refund, origin=origin, now=now)
    return refund


def update_refund(
    *,
    scope: Scope,
    refund_id: str,
    metadata: Mapping[str, str] | None,
    origin: Origin,
    now: datetime,
) -> Refund:
    """
    Change a refund's metadata, key by key; None unsets all.

    :raises ResourceMissing: no such refund
    """
    get_refund(scope, refund_id)
    with transaction.atomic():
        refund = Refund.objects.select_for_update().get(pk=refund_id)
        refund.metadata = merge_metadata(refund.metadata, metadata)
        refund.version += 1
        refund.save(update_fields=["metadata", "version"])
        _publish_update(refund, origin=origin, now=now)
    return refund


def _publish_update(refund: Refund, *, origin: Origin, now: datetime) -> None:
    """Tell about a change of the refund alone; the intent has none."""
    publish(
        EventDraft.about(
            refund,
            "refund.updated",
            render_refund(refund),
            sequence=refund.version,
            origin=origin,
            now=now,
        )
    )


def _show(step: Step, refund: Refund, type_: str) -> None:
    step.object_event(type_, refund.id, refund.version, render_refund(refund))


def _show_charge(step: Step, refund: Refund) -> None:
    """Tell about the charge too, as Stripe does; its history counts its own events."""
    attempt = refund.attempt
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max(sequence), 0) + 1 FROM outbox_event WHERE object_id = %s",
            [attempt.charge_id],
        )
        (sequence,) = cursor.fetchone()
    shown = render_charge(attempt, step.intent)
    step.object_event("charge.refunded", attempt.charge_id, sequence, shown)


def _fact(step: Step, refund: Refund) -> Fact:
    return Fact(
        scope=Scope(refund.merchant_id, refund.livemode),
        id=refund.id,
        amount=refund.amount,
        currency=refund.currency,
        gateway=refund.attempt.gateway,
        at=step.now,
    )
