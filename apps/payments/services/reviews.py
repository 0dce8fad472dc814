"""What follows for a payment when a person has closed its review."""

import logging
from datetime import datetime

from apps.common.errors import DomainError
from apps.common.origin import Origin, Scope
from apps.payments.errors import ConcurrentChange
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.payments.selectors import get_attempt_and_intent
from apps.payments.services.refunds import request_refund
from apps.payments.services.results import is_wanted, rest_on_hold
from apps.payments.services.step import MAX_TRIES, Step
from apps.payments.states import AttemptStatus, IntentStatus, Operation

logger = logging.getLogger(__name__)

FRAUDULENT = "fraudulent"


def settle_review(
    *, attempt_id: str, is_good: bool, origin: Origin, now: datetime
) -> PaymentIntent:
    """
    Take the held money, or release it; hearing the verdict again changes nothing.

    The sweeper calls the gateway. A method that cannot hold money was captured meanwhile: it is
    given back when found fraudulent.

    :raises ConcurrentChange: others keep changing the intent; the event is tried again
    """
    for _ in range(MAX_TRIES):
        attempt, intent = get_attempt_and_intent(attempt_id)
        if attempt.status == AttemptStatus.CAPTURED:
            if not is_good:
                _give_back(intent, origin=origin, now=now)
            return intent
        step = Step(intent, origin=origin, now=now)
        if not attempt.is_held_for_review or not is_wanted(step, attempt):
            return intent
        attempt.is_held_for_review = False
        if is_good:
            _accept(step, attempt)
        else:
            _let_go(step, attempt)
        if step.write():
            return intent
    raise ConcurrentChange(intent=attempt_id)


def _accept(step: Step, attempt: PaymentAttempt) -> None:
    step.put(attempt)
    if attempt.status != AttemptStatus.AUTHORIZED:
        # The payer is still on the way; the money will be taken as if nothing had been.
        step.event("payment_intent.attempt_updated", attempt=attempt.id, review="approved")
    elif step.intent.capture_method == "manual":
        rest_on_hold(step, attempt)
        step.event(
            "payment_intent.amount_capturable_updated",
            attempt=attempt.id,
            charge=attempt.charge_id,
            amount_capturable=attempt.amount_authorized,
        )
    else:
        attempt.amount_to_capture = attempt.amount_authorized
        _start(step, attempt, Operation.CAPTURE)
        step.event("payment_intent.review_approved", attempt=attempt.id)


def _let_go(step: Step, attempt: PaymentAttempt) -> None:
    attempt.void_reason = FRAUDULENT
    _start(step, attempt, Operation.VOID)
    step.event("payment_intent.void_requested", attempt=attempt.id, reason=FRAUDULENT)


def _start(step: Step, attempt: PaymentAttempt, operation: Operation) -> None:
    attempt.operation = operation
    attempt.due_at = step.now
    attempt.checks = 0
    step.put(attempt)


def _give_back(intent: PaymentIntent, *, origin: Origin, now: datetime) -> None:
    if intent.status != IntentStatus.SUCCEEDED or not intent.amount_refundable:
        return
    try:
        request_refund(
            scope=Scope(intent.merchant_id, intent.livemode),
            intent_id=intent.id,
            reason=FRAUDULENT,
            origin=origin,
            now=now,
        )
    except DomainError as refusal:
        logger.warning("%s is fraud but stays: %s", intent.id, refusal)
