"""Hold more than was authorised at first: hotels, car rental, a basket that grew."""

from datetime import datetime

from apps.common.money import check_charge_amount
from apps.common.origin import Origin, Scope
from apps.payments.errors import (
    AmountNotAboveHold,
    ConcurrentChange,
    GatewayFailed,
    IncrementDeclined,
    IntentNotCapturable,
    PaymentInProgress,
)
from apps.payments.models import PaymentIntent
from apps.payments.policies import LEASE
from apps.payments.selectors import get_attempt, get_intent
from apps.payments.services.attempts import run_operation
from apps.payments.services.step import MAX_TRIES, Reply, Step
from apps.payments.states import IntentStatus, Operation


def increment_intent(
    *,
    scope: Scope,
    intent_id: str,
    amount: int,
    origin: Origin,
    now: datetime,
    reply: Reply | None = None,
) -> PaymentIntent:
    """
    Have the gateway hold `amount` minor units in all; what is held stays held if it cannot.

    A gateway may take its time to tell: the intent then still has the old amount.

    :raises IntentNotCapturable: nothing is held
    :raises AmountNotAboveHold: so much is held already
    :raises AmountInvalid: more than can be charged
    :raises PaymentInProgress: a capture, a void or another increment is under way
    :raises IncrementDeclined: the bank said no
    :raises GatewayFailed: the gateway could not be reached; nothing has changed
    """
    for _ in range(MAX_TRIES):
        intent = get_intent(scope, intent_id)
        if intent.status != IntentStatus.REQUIRES_CAPTURE:
            raise IntentNotCapturable(intent=intent.id, status=intent.status)
        if amount <= intent.amount_capturable:
            raise AmountNotAboveHold(
                requested=amount, held=intent.amount_capturable, param="amount"
            )
        check_charge_amount(amount, intent.currency)
        attempt = get_attempt(intent.latest_attempt_id)
        if attempt.operation not in {Operation.NONE, Operation.POLL}:
            raise PaymentInProgress(intent=intent.id, attempt=attempt.id)
        attempt.operation = Operation.INCREMENT
        attempt.amount_to_hold = amount
        attempt.message = ""
        attempt.checks = 0
        attempt.due_at = now + LEASE
        step = Step(intent, origin=origin, now=now)
        step.put(attempt)
        step.event("payment_intent.increment_requested", attempt=attempt.id, amount=amount)
        if step.write(reply=reply, recovery_point=attempt.id):
            intent = run_operation(attempt_id=attempt.id, origin=origin, now=now, reply=reply)
            check_increment(intent, amount=amount)
            return intent
    raise ConcurrentChange(intent=intent_id)


def check_increment(intent: PaymentIntent, *, amount: int) -> None:
    """
    Refuse as the gateway did.

    :raises IncrementDeclined: the bank said no
    :raises GatewayFailed: the gateway could not be reached
    """
    attempt = get_attempt(intent.latest_attempt_id)
    if intent.amount >= amount or attempt.operation == Operation.INCREMENT:
        return
    if attempt.message:
        raise IncrementDeclined(requested=amount, held=intent.amount_capturable)
    raise GatewayFailed
