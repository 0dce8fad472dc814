"""What follows when a call to a gateway broke: not sent, refused, or of unknown outcome (C1)."""

from django.conf import settings

from apps.common.ids import new_id
from apps.gateways.errors import (
    GatewayError,
    GatewayNeverReceived,
    GatewayNotSent,
    GatewayRejected,
    GatewayUnknown,
)
from apps.payments.models import PaymentAttempt
from apps.payments.policies import (
    FENCE_AFTER,
    LEASE,
    METHOD_UNKNOWN,
    describe_failure,
    next_check,
    next_poll,
)
from apps.payments.services.results import finish, is_wanted, rest_on_hold
from apps.payments.services.step import Step
from apps.payments.states import AttemptStatus, ErrorClass, IntentStatus, Operation

# How gateways call it when they do not have what a request names: here, the payment method.
NO_SUCH_OBJECT = "resource_missing"


def settle_setback(
    step: Step, attempt: PaymentAttempt, error: GatewayError, *, may_reroute: bool
) -> PaymentAttempt:
    """Take a failed call into account; return the attempt with which the payment goes on."""
    if attempt.operation == Operation.CREATE:
        return _settle_failed_create(step, attempt, error, may_reroute=may_reroute)
    if attempt.operation == Operation.INCREMENT:
        _settle_failed_increment(step, attempt, error)
    elif attempt.operation in {Operation.CAPTURE, Operation.VOID}:
        _settle_failed_operation(step, attempt, error)
    elif attempt.operation == Operation.POLL:
        attempt.due_at = next_poll(step.now, checks=attempt.checks)
        step.put(attempt)
    return attempt


def _settle_failed_create(
    step: Step, attempt: PaymentAttempt, error: GatewayError, *, may_reroute: bool
) -> PaymentAttempt:
    if isinstance(error, GatewayRejected):
        code = METHOD_UNKNOWN if error.code == NO_SUCH_OBJECT else "gateway_rejected"
        _fail(step, attempt, ErrorClass.TERMINAL, code=code, error=error)
    elif not _was_never_sent(attempt, error):
        if may_reroute and _may_fence(step, attempt, error):
            return _fence(step, attempt, error)
        _lose_sight(step, attempt)
    elif may_reroute and attempt.route and is_wanted(step, attempt):
        return _reroute(step, attempt, error)
    else:
        _fail(step, attempt, ErrorClass.NOT_SENT, code="gateway_unavailable", error=error)
    return attempt


def _was_never_sent(attempt: PaymentAttempt, error: GatewayError) -> bool:
    """
    Return whether the gateway surely never had the payment.

    A refused connection proves that for the first call only: once a process died or an answer was
    lost, an earlier call may have arrived.
    """
    is_first_call = attempt.status == AttemptStatus.STARTED and attempt.checks == 0
    is_not_sent = isinstance(error, GatewayNotSent) and is_first_call
    return is_not_sent or isinstance(error, GatewayNeverReceived)


def _fail(
    step: Step, attempt: PaymentAttempt, error_class: ErrorClass, *, code: str, error: GatewayError
) -> None:
    wanted = is_wanted(step, attempt)
    attempt.fail(error_class=error_class, decline_code=code, message=str(error))
    finish(step, attempt)
    if wanted:
        shown = describe_failure(
            error_class, code=code, message="The gateway failed; nothing was charged."
        )
        step.event("payment_intent.payment_failed", attempt=attempt.id, error=shown)
    else:
        step.event("payment_intent.attempt_updated", attempt=attempt.id, status="failed")


def _lose_sight(step: Step, attempt: PaymentAttempt) -> None:
    is_news = attempt.status != AttemptStatus.UNKNOWN
    attempt.lose_sight()
    attempt.due_at = next_check(step.now, checks=attempt.checks)
    step.put(attempt)
    if is_news:
        step.event("payment_intent.outcome_unknown", attempt=attempt.id, gateway=attempt.gateway)


def _may_fence(step: Step, attempt: PaymentAttempt, error: GatewayError) -> bool:
    """Return whether a payment of unknown outcome may go on at the next gateway, only held."""
    holds = attempt.method_type == "card" and isinstance(error, GatewayUnknown)
    is_first_call = attempt.status == AttemptStatus.STARTED and attempt.checks == 0
    is_free = bool(attempt.route) and not attempt.waits_for and is_wanted(step, attempt)
    return settings.FAILOVER_UNKNOWN and holds and is_first_call and is_free


def _fence(step: Step, attempt: PaymentAttempt, error: GatewayError) -> PaymentAttempt:
    """
    Have this attempt ended at its gateway, and hold the money at the next one meanwhile.

    What is held there is captured only once this attempt is over: absent, voided, or captured late
    and on its way back. So there is never a second charge that stays.
    """
    attempt.lose_sight()
    attempt.operation = Operation.VOID
    attempt.void_reason = "failover"
    attempt.due_at = step.now + FENCE_AFTER
    step.put(attempt)
    step.event("payment_intent.outcome_unknown", attempt=attempt.id, gateway=attempt.gateway)
    return _follow(step, attempt, error, waits_for=attempt.id)


def _reroute(step: Step, attempt: PaymentAttempt, error: GatewayError) -> PaymentAttempt:
    """Fail this attempt, which never left the house, and start one at the next gateway."""
    attempt.fail(
        error_class=ErrorClass.NOT_SENT, decline_code="gateway_unavailable", message=str(error)
    )
    finish(step, attempt)
    return _follow(step, attempt, error)


def _follow(
    step: Step, attempt: PaymentAttempt, error: GatewayError, *, waits_for: str = ""
) -> PaymentAttempt:
    following = PaymentAttempt(
        id=new_id("att"),
        intent_id=step.intent.id,
        merchant_id=attempt.merchant_id,
        livemode=attempt.livemode,
        number=attempt.number + 1,
        gateway=attempt.route[0],
        route=attempt.route[1:],
        waits_for=waits_for,
        routing=[{"step": "failover", "from": attempt.gateway, "reason": str(error)[:200]}],
        payment_method_id=attempt.payment_method_id,
        method_type=attempt.method_type,
        amount=attempt.amount,
        currency=attempt.currency,
        is_held_for_review=attempt.is_held_for_review,
        request_three_d_secure=attempt.request_three_d_secure,
        due_at=step.now + LEASE,
        created_at=step.now,
    )
    step.put(following)
    step.event(
        "payment_intent.rerouted",
        attempt=following.id,
        from_gateway=attempt.gateway,
        to_gateway=following.gateway,
        reason=str(error)[:200],
    )
    step.object_event(
        "routing.failover",
        following.id,
        1,
        {
            "id": following.id,
            "object": "routing.failover",
            "payment_intent": step.intent.id,
            "from_gateway": attempt.gateway,
            "to_gateway": following.gateway,
            "reason": str(error)[:200],
        },
    )
    return following


def _settle_failed_operation(step: Step, attempt: PaymentAttempt, error: GatewayError) -> None:
    """A capture or void did not get through; the money is still held, as far as we know."""
    is_first_call = attempt.checks == 0
    attempt.due_at = next_check(step.now, checks=attempt.checks)
    step.put(attempt)
    if isinstance(error, GatewayRejected):
        # The gateway sees it otherwise: ask it how the payment stands.
        attempt.operation = Operation.POLL
        _hold_again(step, attempt)
    elif isinstance(error, GatewayNotSent) and is_first_call:
        # The caller is told that nothing was done, so nothing may happen later either.
        attempt.void_reason = ""
        rest_on_hold(step, attempt)
        _hold_again(step, attempt)


def _settle_failed_increment(step: Step, attempt: PaymentAttempt, error: GatewayError) -> None:
    """What is held stays held; a lost answer is asked for again."""
    is_first_call = attempt.checks == 0
    if isinstance(error, GatewayRejected):
        attempt.message = str(error)[:500]
        rest_on_hold(step, attempt)
        step.event(
            "payment_intent.increment_declined", attempt=attempt.id, amount=attempt.amount_to_hold
        )
    elif isinstance(error, GatewayNotSent) and is_first_call:
        rest_on_hold(step, attempt)
    else:
        attempt.due_at = next_check(step.now, checks=attempt.checks)
        step.put(attempt)


def _hold_again(step: Step, attempt: PaymentAttempt) -> None:
    if step.intent.status == IntentStatus.PROCESSING and is_wanted(step, attempt):
        step.event(
            "payment_intent.amount_capturable_updated",
            attempt=attempt.id,
            charge=attempt.charge_id,
            amount_capturable=attempt.amount_authorized,
        )
