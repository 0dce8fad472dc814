"""
The one door for what a gateway says about a payment.

The request that ran the attempt, webhooks, the sweeper and reconciliation all end in `record`;
hearing a fact twice changes nothing, and facts may arrive in any order.
Source: docs/architecture.md, "The path of one payment"
"""

from datetime import datetime

from apps.common.origin import Origin
from apps.gateways.base import PaymentResult
from apps.gateways.errors import GatewayError
from apps.payments.errors import ConcurrentChange
from apps.payments.metrics import count_attempt, count_failover
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.payments.selectors import get_attempt_and_intent
from apps.payments.services.exchange import keep_told_rate
from apps.payments.services.results import settle_result
from apps.payments.services.setbacks import settle_setback
from apps.payments.services.step import MAX_TRIES, Reply, Step

Outcome = PaymentResult | GatewayError


def record(
    *,
    intent: PaymentIntent,
    attempt: PaymentAttempt,
    outcome: Outcome,
    origin: Origin,
    now: datetime,
    reply: Reply | None = None,
    may_reroute: bool = False,
) -> tuple[PaymentIntent, PaymentAttempt]:
    """
    Write what a gateway said, or failed to say, about an attempt.

    Moves the intent, books the ledger, keeps the events and answers the caller's key in one
    statement. `intent` and `attempt` may be stale: the write then fails and both are read again.
    Returns both as stored; the attempt is a new one when the payment goes on at the next gateway
    (only with `may_reroute`), and the answer then waits for that one's outcome.

    :raises ConcurrentChange: others changed the intent each time
    """
    for _ in range(MAX_TRIES):
        step = Step(intent, origin=origin, now=now)
        status_before, was_open = attempt.status, attempt.is_open
        if isinstance(outcome, PaymentResult):
            settle_result(step, attempt, outcome)
            followed = attempt
        else:
            followed = settle_setback(step, attempt, outcome, may_reroute=may_reroute)
        is_over = followed is attempt
        if step.is_empty and reply is None:
            return intent, attempt
        if step.write(reply=reply if is_over else None):
            if was_open and attempt.status != status_before:
                count_attempt(attempt)
            if isinstance(outcome, PaymentResult):
                keep_told_rate(attempt, outcome.settlement)
            if not is_over:
                count_failover(attempt, followed)
            return intent, followed
        attempt, intent = get_attempt_and_intent(attempt.id)
    raise ConcurrentChange(intent=intent.id)
