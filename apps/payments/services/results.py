"""What follows when a gateway has told how a payment stands. No I/O: all of it lands in a step."""

import logging
from dataclasses import asdict, replace

from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.gateways.base import Decline, DeclineClass, MethodDetails, PaymentResult, PaymentState
from apps.ledger import recipes
from apps.ledger.drafts import EntryDraft
from apps.ledger.recipes import Fact, Share
from apps.payments.models import PaymentAttempt, Refund
from apps.payments.objects import render_charge, render_refund
from apps.payments.policies import (
    classify,
    describe_decline,
    describe_failure,
    has_another_amount,
    next_check,
    next_poll,
)
from apps.payments.services.authorisation import screen_authorisation
from apps.payments.services.exchange import exchange_capture
from apps.payments.services.step import Step
from apps.payments.states import AttemptStatus, ErrorClass, IntentStatus, Operation
from apps.payouts.services.shares import draft_share
from apps.vault.services import describe_method

logger = logging.getLogger(__name__)

_LIVE = {IntentStatus.PROCESSING, IntentStatus.REQUIRES_ACTION, IntentStatus.REQUIRES_CAPTURE}
_LOST = {AttemptStatus.FAILED, AttemptStatus.VOIDED}

# The reason of a void that only makes room for the payer's next try; none that a client can give.
ABANDONED = "started_over"

_MOVES_MONEY = {PaymentState.AUTHORIZED, PaymentState.CAPTURED}


def settle_result(step: Step, attempt: PaymentAttempt, result: PaymentResult) -> None:
    """Take what the gateway says; hearing it again changes nothing."""
    if _is_known(attempt, result):
        return
    _take_facts(step, attempt, result)
    is_raised = attempt.operation == Operation.INCREMENT and result.amount == attempt.amount_to_hold
    asked = attempt.amount_to_hold if is_raised else attempt.amount
    is_other = has_another_amount(result, amount=asked, currency=attempt.currency)
    if result.state in _MOVES_MONEY and is_other:
        _settle_conflict(step, attempt, result)
    else:
        _SETTLERS[result.state](step, attempt, result)


def is_wanted(step: Step, attempt: PaymentAttempt) -> bool:
    """Return whether the intent still waits for this very attempt's money."""
    return (
        step.intent.latest_attempt_id == attempt.id
        and step.intent.status in _LIVE
        and attempt.status not in _LOST
    )


def finish(step: Step, attempt: PaymentAttempt) -> None:
    """Note that nothing is under way for the attempt any more."""
    attempt.operation = Operation.NONE
    attempt.due_at = None
    attempt.finished_at = step.now
    step.put(attempt)


def rest_on_hold(step: Step, attempt: PaymentAttempt) -> None:
    """Leave the held money alone until it is captured, voided, or the authorisation runs out."""
    attempt.operation = Operation.POLL
    attempt.due_at = attempt.authorization_expires_at
    attempt.checks = 0
    step.put(attempt)


def _is_known(attempt: PaymentAttempt, result: PaymentResult) -> bool:
    """Return whether the result can tell nothing new about an attempt that is over."""
    is_lost = attempt.status in _LOST and result.state not in _MOVES_MONEY
    return attempt.status == AttemptStatus.CAPTURED or is_lost


def _take_facts(step: Step, attempt: PaymentAttempt, result: PaymentResult) -> None:
    attempt.gateway_reference = result.reference or attempt.gateway_reference
    attempt.charge_reference = result.charge_reference or attempt.charge_reference
    attempt.authorization_expires_at = (
        result.authorization_expires_at or attempt.authorization_expires_at
    )
    if result.fee is not None:
        attempt.fee = result.fee
    if result.method is not None:
        _take_method(step, attempt, result.method, token=result.method_token)
    if result.state in _MOVES_MONEY and attempt.is_open:
        screen_authorisation(step, attempt)
    step.put(attempt)


def _take_method(step: Step, attempt: PaymentAttempt, method: MethodDetails, *, token: str) -> None:
    """Describe the method once; what the bank's checks say may come later, with the money."""
    if not attempt.method_details:
        step.put_method(
            describe_method(attempt.payment_method_id, method, gateway=attempt.gateway, token=token)
        )
    details = asdict(method)
    told = {name: value for name, value in details.items() if value}
    attempt.method_details = {**details, **attempt.method_details, **told}


def _held(attempt: PaymentAttempt) -> int:
    return attempt.amount_authorized if attempt.status == AttemptStatus.AUTHORIZED else 0


def _settle_captured(step: Step, attempt: PaymentAttempt, result: PaymentResult) -> None:
    held = _held(attempt)
    if not is_wanted(step, attempt):
        _settle_late_capture(step, attempt, result, held=held)
        return
    attempt.capture(amount=result.amount_captured)
    attempt.kept = True
    finish(step, attempt)
    if step.intent.status == IntentStatus.REQUIRES_CAPTURE:
        # Captured at the gateway's own dashboard: the history tells that before the success.
        step.event("payment_intent.capture_requested", attempt=attempt.id, by="gateway")
    step.event(
        "payment_intent.succeeded",
        attempt=attempt.id,
        charge=attempt.charge_id,
        amount_received=result.amount_captured,
    )
    step.book(_captured(step, attempt, result, held=held))
    if held:
        shown = render_charge(attempt, step.intent)
        step.object_event("charge.captured", attempt.charge_id, 1, shown)


def _settle_late_capture(
    step: Step, attempt: PaymentAttempt, result: PaymentResult, *, held: int
) -> None:
    """Give back what nobody waits for: the intent ended, or another attempt won (AC-15)."""
    if held:
        attempt.capture(amount=result.amount_captured)
    else:
        attempt.capture_late(amount=result.amount_captured)
    attempt.kept = False
    finish(step, attempt)
    refund = _compensate(step, attempt)
    step.book(_captured(step, attempt, result, held=held))
    logger.error(
        "late success of %s on %s (%s): %s %s go back as %s",
        attempt.id, step.intent.id, step.intent.status, refund.amount, refund.currency, refund.id,
    )  # fmt: skip


def _compensate(step: Step, attempt: PaymentAttempt) -> Refund:
    refund = Refund(
        id=new_id("re"),
        merchant_id=attempt.merchant_id,
        livemode=attempt.livemode,
        intent_id=step.intent.id,
        attempt_id=attempt.id,
        amount=attempt.amount_captured,
        currency=attempt.currency,
        compensates=True,
        version=1,
        actor=step.origin.actor,
        due_at=step.now,
        created_at=step.now,
    )
    step.event(
        "payment_intent.compensation_started",
        attempt=attempt.id,
        charge=attempt.charge_id,
        amount=refund.amount,
        refund=refund.id,
    )
    step.put_refund(refund)
    step.object_event("refund.created", refund.id, refund.version, render_refund(refund))
    return refund


def _settle_authorized(step: Step, attempt: PaymentAttempt, result: PaymentResult) -> None:
    if attempt.status == AttemptStatus.AUTHORIZED:
        _settle_still_authorized(step, attempt, held=result.amount)
        return
    wanted = is_wanted(step, attempt)
    if wanted:
        attempt.authorize(amount=result.amount)
    else:
        attempt.authorize_late(amount=result.amount)
    attempt.kept = wanted
    step.book(recipes.authorised(_fact(step, attempt, amount=result.amount)))
    if wanted and attempt.is_held_for_review:
        rest_on_hold(step, attempt)
        step.event("payment_intent.held_for_review", attempt=attempt.id, charge=attempt.charge_id)
    elif wanted and step.intent.capture_method == "manual":
        rest_on_hold(step, attempt)
        step.event(
            "payment_intent.amount_capturable_updated",
            attempt=attempt.id,
            charge=attempt.charge_id,
            amount_capturable=result.amount,
        )
    elif wanted:
        attempt.amount_to_capture = attempt.amount_authorized
        _start_operation(step, attempt, Operation.CAPTURE)
        step.event("payment_intent.attempt_updated", attempt=attempt.id, status="authorized")
    else:
        _start_void(step, attempt)


def _start_operation(step: Step, attempt: PaymentAttempt, operation: Operation) -> None:
    """Leave the operation to the sweeper, which looks within a second."""
    attempt.operation = operation
    attempt.due_at = step.now
    attempt.checks = 0
    step.put(attempt)


def _start_void(step: Step, attempt: PaymentAttempt) -> None:
    _start_operation(step, attempt, Operation.VOID)
    step.event("payment_intent.void_requested", attempt=attempt.id)


def _settle_still_authorized(
    step: Step, attempt: PaymentAttempt, *, held: int | None = None
) -> None:
    """A capture or void under way has not happened yet; a hold may grow; an old one is let go."""
    expires_at = attempt.authorization_expires_at
    if attempt.operation == Operation.INCREMENT:
        _settle_increment(step, attempt, held=held or attempt.amount_authorized)
    elif attempt.operation in {Operation.CAPTURE, Operation.VOID}:
        attempt.due_at = next_check(step.now, checks=attempt.checks)
    elif expires_at is not None and step.now >= expires_at:
        attempt.void_reason = "expired"
        _start_void(step, attempt)
    else:
        rest_on_hold(step, attempt)


def _settle_increment(step: Step, attempt: PaymentAttempt, *, held: int) -> None:
    more = held - attempt.amount_authorized
    if more <= 0:
        attempt.due_at = next_check(step.now, checks=attempt.checks)
        return
    attempt.raise_hold(amount=held)
    rest_on_hold(step, attempt)
    step.event(
        "payment_intent.amount_capturable_updated",
        attempt=attempt.id,
        charge=attempt.charge_id,
        amount_capturable=held,
        amount=held,
    )
    fact = replace(_fact(step, attempt, amount=more), id=f"{attempt.id}_{held}")
    step.book(recipes.authorisation_raised(fact))


def _settle_voided(step: Step, attempt: PaymentAttempt, _result: PaymentResult) -> None:
    held = _held(attempt)
    wanted = is_wanted(step, attempt)
    attempt.void()
    finish(step, attempt)
    if held:
        step.book(recipes.voided(_fact(step, attempt, amount=held)))
    if wanted:
        _end_voided_intent(step, attempt)
    else:
        step.event("payment_intent.attempt_updated", attempt=attempt.id, status="voided")


def _end_voided_intent(step: Step, attempt: PaymentAttempt) -> None:
    at = step.now.isoformat()
    was_held = attempt.amount_authorized > 0
    if attempt.void_reason == "expired" and not was_held:
        step.event("payment_intent.expired", attempt=attempt.id, at=at)
    elif was_held or attempt.void_reason not in {"", ABANDONED}:
        if step.intent.status == IntentStatus.PROCESSING:
            # A capture was asked for, but the hold was gone first.
            step.event(
                "payment_intent.amount_capturable_updated",
                attempt=attempt.id,
                charge=attempt.charge_id,
                amount_capturable=0,
            )
        reason = attempt.void_reason or "expired"
        step.event("payment_intent.canceled", attempt=attempt.id, reason=reason, at=at)
    else:
        # Voided while the payer was on the way: a new try may follow.
        error = describe_failure(
            ErrorClass.RETRYABLE, code="payment_voided", message="The gateway voided the payment."
        )
        step.event("payment_intent.payment_failed", attempt=attempt.id, error=error)


def _settle_declined(step: Step, attempt: PaymentAttempt, result: PaymentResult) -> None:
    if attempt.status == AttemptStatus.AUTHORIZED:
        _settle_still_authorized(step, attempt)
        return
    decline = result.decline or Decline(code="unknown", error_class=DeclineClass.TERMINAL)
    wanted = is_wanted(step, attempt)
    attempt.fail(
        error_class=classify(decline),
        decline_code=decline.code,
        network_decline_code=decline.network_code,
        advice_code=decline.advice_code,
        message=decline.message,
    )
    finish(step, attempt)
    if wanted:
        step.event(
            "payment_intent.payment_failed",
            attempt=attempt.id,
            charge=attempt.charge_id,
            error=describe_decline(decline, charge=attempt.charge_id),
        )
    else:
        step.event("payment_intent.attempt_updated", attempt=attempt.id, status="failed")


def _settle_requires_action(step: Step, attempt: PaymentAttempt, result: PaymentResult) -> None:
    if not is_wanted(step, attempt):
        _start_void(step, attempt)
        return
    is_news = attempt.status != AttemptStatus.REQUIRES_ACTION
    attempt.require_action()
    attempt.operation = Operation.POLL
    attempt.due_at = next_poll(step.now, checks=attempt.checks)
    if is_news:
        step.event("payment_intent.requires_action", attempt=attempt.id, url=result.action_url)


def _settle_pending(step: Step, attempt: PaymentAttempt, _result: PaymentResult) -> None:
    is_news = attempt.operation != Operation.POLL or attempt.status != AttemptStatus.STARTED
    attempt.wait()
    attempt.operation = Operation.POLL
    attempt.due_at = next_poll(step.now, checks=attempt.checks)
    if is_news and is_wanted(step, attempt):
        step.event("payment_intent.pending", attempt=attempt.id)
    elif is_news:
        step.event("payment_intent.attempt_updated", attempt=attempt.id, status="pending")


def _settle_conflict(step: Step, attempt: PaymentAttempt, result: PaymentResult) -> None:
    """Other money moved than was asked for: book it aside and let a person decide (AC-16)."""
    taken = result.amount_captured if result.state == PaymentState.CAPTURED else 0
    wanted = is_wanted(step, attempt)
    logger.error(
        "%s: the gateway moved %s %s, asked were %s %s",
        attempt.id, result.amount, result.currency, attempt.amount, attempt.currency,
    )  # fmt: skip
    if attempt.status == AttemptStatus.AUTHORIZED:
        attempt.capture(amount=taken)
    else:
        attempt.capture_late(amount=taken)
    finish(step, attempt)
    step.event(
        "payment_intent.conflicted" if wanted else "payment_intent.attempt_updated",
        attempt=attempt.id,
        charge=attempt.charge_id,
        amount=result.amount,
        currency=result.currency,
    )
    if taken:
        fact = _fact(step, attempt, amount=taken, currency=result.currency.upper())
        step.book(recipes.captured_in_conflict(fact))


_SETTLERS = {
    PaymentState.CAPTURED: _settle_captured,
    PaymentState.AUTHORIZED: _settle_authorized,
    PaymentState.VOIDED: _settle_voided,
    PaymentState.DECLINED: _settle_declined,
    PaymentState.REQUIRES_ACTION: _settle_requires_action,
    PaymentState.PENDING: _settle_pending,
}


def _captured(
    step: Step, attempt: PaymentAttempt, result: PaymentResult, *, held: int
) -> EntryDraft:
    fact = _fact(step, attempt, amount=attempt.amount_captured)
    shares, platform_fee = _split(step, attempt)
    entry = recipes.captured(
        fact, fee=attempt.fee or 0, release=held, shares=shares, platform_fee=platform_fee
    )
    return exchange_capture(entry, attempt, result.settlement)


def _split(step: Step, attempt: PaymentAttempt) -> tuple[tuple[Share, ...], int]:
    """Divide kept money between the seller and our fee; what goes back at once is not divided."""
    intent = step.intent
    if not (attempt.kept and intent.transfer_destination):
        return (), 0
    share, split = draft_share(
        scope=Scope(attempt.merchant_id, attempt.livemode),
        seller_id=intent.transfer_destination,
        charge_id=attempt.charge_id,
        captured=attempt.amount_captured,
        fee=intent.application_fee_amount or 0,
        currency=attempt.currency,
        transfer_group=intent.transfer_group,
        now=step.now,
    )
    if share is None:
        return (), split.fee
    step.put_share(share)
    return (Share(share.seller_id, split.share),), split.fee


def _fact(step: Step, attempt: PaymentAttempt, *, amount: int, currency: str = "") -> Fact:
    return Fact(
        scope=Scope(attempt.merchant_id, attempt.livemode),
        id=attempt.id,
        amount=amount,
        currency=currency or attempt.currency,
        gateway=attempt.gateway,
        at=step.now,
    )
