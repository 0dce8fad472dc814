"""Run an attempt at its gateway, outside any transaction, and hand the outcome to `record`."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F

from apps.common.logs import about
from apps.common.origin import CLOCK, Origin, Scope
from apps.common.returns import return_address
from apps.common.transactions import release_connection
from apps.gateways.base import NetworkCard, Parcel, PaymentRequest, PaymentResult, PaymentState
from apps.gateways.calls import call_gateway, may_repeat, note_first_call, running_clock
from apps.gateways.errors import (
    GatewayError,
    GatewayNeverReceived,
    GatewayNotSent,
    GatewayRejected,
    GatewayUnknown,
)
from apps.gateways.rates import note_outcome
from apps.gateways.registry import get_gateway
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.payments.policies import FENCE_LOOK, INLINE_BUDGET, LEASE, REPLAY_WINDOW
from apps.payments.selectors import get_attempt, get_attempt_and_intent
from apps.payments.services.record import Outcome, record
from apps.payments.services.step import Reply
from apps.payments.states import AttemptStatus, Operation
from apps.vault.selectors import ChargeableMethod, get_chargeable_method
from apps.vault.services.network import make_network_card

logger = logging.getLogger(__name__)

# Below this much of the budget another call could not finish, so none is begun.
_LEAST_TIME_FOR_A_CALL = timedelta(seconds=0.3)

# The part of the return address that leads to payments.
RETURN_KIND = "payment"


def run_attempt(
    *,
    intent: PaymentIntent,
    attempt: PaymentAttempt,
    method: ChargeableMethod,
    origin: Origin,
    now: datetime,
    reply: Reply | None = None,
) -> PaymentIntent:
    """
    Send the attempt to its gateway, follow its route while nothing was sent, record the outcome.

    The attempt's row is committed before, so whoever dies in here leaves a trace for the sweeper.
    Answers within the inline budget: an outcome that is still unknown then stays `processing`.

    :raises ConcurrentChange: the outcome could not be written for others' changes
    Source: rulings C1 and C11
    """
    clock = running_clock(now)
    deadline = now + INLINE_BUDGET
    while True:
        outcome = _create(intent, attempt, method, deadline=deadline, clock=clock)
        note_outcome(attempt.gateway, succeeded=_went_through(outcome))
        intent, followed = record(
            intent=intent,
            attempt=attempt,
            outcome=outcome,
            origin=origin,
            now=clock(),
            reply=reply,
            may_reroute=clock() + _LEAST_TIME_FOR_A_CALL < deadline,
        )
        if followed.id == attempt.id:
            return intent
        attempt = followed


def _share_of_time(attempt: PaymentAttempt, left: timedelta) -> timedelta:
    """Leave time for the next gateway, when an unknown outcome may go on there."""
    may_go_on = settings.FAILOVER_UNKNOWN and bool(attempt.route) and not attempt.waits_for
    return left / 3 if may_go_on else left


def _went_through(outcome: Outcome) -> bool:
    return isinstance(outcome, PaymentResult) and outcome.state != PaymentState.DECLINED


def _create(
    intent: PaymentIntent,
    attempt: PaymentAttempt,
    method: ChargeableMethod,
    *,
    deadline: datetime,
    clock: Callable[[], datetime],
) -> Outcome:
    """Call the gateway; ask it once more with the same key when the first answer was lost."""
    try:
        request = build_request(intent, attempt, method, now=clock())
    except GatewayNotSent as error:
        return error

    def create() -> Outcome:
        return _call(
            lambda: get_gateway(attempt.gateway).create_payment(request),
            attempt=attempt,
            clock=clock,
            time_left=_share_of_time(attempt, deadline - clock()),
        )

    note_first_call(attempt.gateway)
    outcome = create()
    if not isinstance(outcome, GatewayUnknown):
        return outcome
    has_time = clock() + _LEAST_TIME_FOR_A_CALL < deadline
    if not (has_time and may_repeat(attempt.gateway)):
        return outcome
    # Whatever goes wrong now leaves the first call's outcome unknown.
    again = create()
    return again if isinstance(again, PaymentResult) else outcome


def build_request(
    intent: PaymentIntent, attempt: PaymentAttempt, method: ChargeableMethod, *, now: datetime
) -> PaymentRequest:
    """
    Return what the gateway is asked; the same attempt always asks the same.

    A gateway without a token of its own gets the network's, with a cryptogram for this attempt.

    :raises GatewayNotSent: there is no cryptogram to be had
    """
    return PaymentRequest(
        attempt_id=attempt.id,
        intent_id=intent.id,
        amount=attempt.amount,
        currency=attempt.currency,
        token=method.tokens.get(attempt.gateway, ""),
        network_card=_network_card(attempt, method, now=now),
        method_type=method.type,
        capture=intent.capture_method == "automatic"
        and not attempt.is_held_for_review
        and not attempt.waits_for,
        off_session=intent.off_session,
        customer_reference=method.customer_references.get(attempt.gateway, ""),
        return_url=return_address(RETURN_KIND, attempt.id),
        description=intent.description,
        statement_descriptor=_descriptor(intent, method),
        shipping=_parcel(intent),
        request_three_d_secure=attempt.request_three_d_secure,
    )


def _descriptor(intent: PaymentIntent, method: ChargeableMethod) -> str:
    """Return what the payer reads on their statement; only a card's has an end of its own."""
    return intent.descriptor if method.type == "card" else intent.statement_descriptor


def _parcel(intent: PaymentIntent) -> Parcel | None:
    shipping = intent.shipping
    if not shipping:
        return None
    told = {**shipping, **shipping["address"]}
    return Parcel(**{each.name: told[each.name] or "" for each in fields(Parcel)})


def _network_card(
    attempt: PaymentAttempt, method: ChargeableMethod, *, now: datetime
) -> NetworkCard | None:
    if attempt.gateway in method.tokens:
        return None
    release_connection()
    return make_network_card(reference=method.network_token, key=attempt.id, now=now)


def resolve_attempt(
    *, attempt_id: str, origin: Origin = CLOCK, now: datetime, is_claimed: bool = False
) -> PaymentIntent:
    """
    Find out how an attempt stands whose process died, or whose gateway owes an answer.

    Repeats the operation under way with its own key, or asks the gateway; hearing the same again
    changes nothing. A sweeper comes with its claim; everybody else takes the attempt over here,
    which also notes that a call may have been sent before.

    :raises ConcurrentChange: others keep changing the intent; the next sweep tries again
    """
    if not is_claimed:
        PaymentAttempt.objects.filter(pk=attempt_id, due_at__isnull=False).update(
            due_at=now + LEASE, checks=F("checks") + 1
        )
    attempt, intent = get_attempt_and_intent(attempt_id)
    if _must_wait(attempt):
        # Not a try of its own: the next one follows soon, however long the other gateway is away.
        PaymentAttempt.objects.filter(pk=attempt.id).update(
            due_at=now + FENCE_LOOK, checks=F("checks") - 1
        )
        return intent
    outcome = _call(
        lambda: _resolve(intent, attempt, now=now), attempt=attempt, clock=running_clock(now)
    )
    intent, attempt = record(
        intent=intent, attempt=attempt, outcome=outcome, origin=origin, now=now
    )
    return intent


def _must_wait(attempt: PaymentAttempt) -> bool:
    """Return whether a capture would be the second one, as far as anybody knows."""
    is_capture = attempt.operation == Operation.CAPTURE
    return is_capture and bool(attempt.waits_for) and get_attempt(attempt.waits_for).is_open


def _resolve(intent: PaymentIntent, attempt: PaymentAttempt, *, now: datetime) -> PaymentResult:
    gateway = get_gateway(attempt.gateway)
    if attempt.operation in _CHANGES:
        return _CHANGES[attempt.operation](attempt)
    if attempt.gateway_reference:
        return gateway.retrieve_payment(attempt.gateway_reference)
    if now - attempt.created_at > REPLAY_WINDOW:
        return _find_or_give_up(attempt)
    method = get_chargeable_method(
        Scope(attempt.merchant_id, attempt.livemode), attempt.payment_method_id
    )
    release_connection()
    return gateway.create_payment(build_request(intent, attempt, method, now=now))


def _find_or_give_up(attempt: PaymentAttempt) -> PaymentResult:
    found = get_gateway(attempt.gateway).find_payment(attempt.id)
    if found is None:
        raise GatewayNeverReceived("the gateway has no payment with our reference")
    return found


def _void(attempt: PaymentAttempt) -> PaymentResult:
    gateway = get_gateway(attempt.gateway)
    reference = attempt.gateway_reference
    if not reference:
        fenced = gateway.fence_payment(attempt.id, key=f"{attempt.id}_void")
        return fenced or PaymentResult(
            state=PaymentState.VOIDED,
            reference="",
            amount=attempt.amount,
            currency=attempt.currency,
        )
    try:
        return gateway.void_payment(reference, key=f"{attempt.id}_void")
    except GatewayRejected:
        # It moved on before we came; what it says now is the truth.
        return gateway.retrieve_payment(reference)


def _capture(attempt: PaymentAttempt) -> PaymentResult:
    return get_gateway(attempt.gateway).capture_payment(
        attempt.gateway_reference,
        amount=attempt.amount_to_capture,
        currency=attempt.currency,
        key=f"{attempt.id}_capture",
    )


def _increment(attempt: PaymentAttempt) -> PaymentResult:
    return get_gateway(attempt.gateway).increment_payment(
        attempt.gateway_reference,
        amount=attempt.amount_to_hold,
        currency=attempt.currency,
        key=f"{attempt.id}_hold_{attempt.amount_to_hold}",
    )


# What changes a payment that the gateway has; each has a key of its own and can be repeated.
_CHANGES: Mapping[str, Callable[[PaymentAttempt], PaymentResult]] = {
    Operation.CAPTURE: _capture,
    Operation.INCREMENT: _increment,
    Operation.VOID: _void,
}


def _call(
    operation: Callable[[], PaymentResult],
    *,
    attempt: PaymentAttempt,
    clock: Callable[[], datetime],
    time_left: timedelta | None = None,
) -> Outcome:
    """Run one gateway operation with no transaction and no connection held."""
    release_connection()
    with about(payment=attempt.intent_id, attempt=attempt.id, gateway=attempt.gateway):
        try:
            return call_gateway(
                operation,
                gateway=attempt.gateway,
                operation=attempt.operation,
                clock=clock,
                time_left=time_left,
            )
        except GatewayError as error:
            logger.warning("gateway call failed: %s: %s", type(error).__name__, error)
            return error


def run_operation(
    *,
    attempt_id: str,
    origin: Origin,
    now: datetime,
    reply: Reply | None = None,
) -> PaymentIntent:
    """
    Run the capture or void which an attempt's row asks for, and record the outcome.

    :raises ConcurrentChange: the outcome could not be written for others' changes
    """
    attempt, intent = get_attempt_and_intent(attempt_id)
    if attempt.operation not in _CHANGES:
        return intent
    outcome = _call(
        lambda: _resolve(intent, attempt, now=now), attempt=attempt, clock=running_clock(now)
    )
    intent, _ = record(
        intent=intent, attempt=attempt, outcome=outcome, origin=origin, now=now, reply=reply
    )
    return intent


def finish_attempt(
    *, attempt_id: str, answer: Mapping[str, str], origin: Origin, now: datetime
) -> PaymentIntent:
    """
    Go on with a payment whose payer comes back from the bank's page.

    `answer` is handed to the gateway, whose word alone counts. A gateway that is away now is asked
    again by the sweep.

    :raises ResourceMissing: no such attempt
    :raises ConcurrentChange: the outcome could not be written for others' changes
    """
    attempt, intent = get_attempt_and_intent(attempt_id)
    if attempt.status != AttemptStatus.REQUIRES_ACTION:
        return intent
    gateway, reference = get_gateway(attempt.gateway), attempt.gateway_reference
    outcome = _call(
        lambda: gateway.finish_payment(reference, answer=answer),
        attempt=attempt,
        clock=running_clock(now),
    )
    if not isinstance(outcome, PaymentResult):
        return intent
    intent, _ = record(intent=intent, attempt=attempt, outcome=outcome, origin=origin, now=now)
    return intent


def sync_attempt(
    *, attempt_id: str, reference: str, origin: Origin, now: datetime
) -> PaymentIntent:
    """
    Read an attempt's payment from its gateway and record what it says.

    :raises GatewayError: the gateway could not be asked; try again later
    """
    attempt = get_attempt(attempt_id)
    release_connection()
    result = get_gateway(attempt.gateway).retrieve_payment(reference)
    attempt, intent = get_attempt_and_intent(attempt_id)
    intent, _ = record(intent=intent, attempt=attempt, outcome=result, origin=origin, now=now)
    return intent
