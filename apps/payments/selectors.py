"""Reads of intents, attempts and refunds."""

from django.db.models import Exists, OuterRef

from apps.common.errors import ResourceMissing
from apps.common.origin import Scope
from apps.common.sql import RowLoader
from apps.payments.models import PaymentAttempt, PaymentIntent, Refund
from apps.payments.states import AttemptStatus

_IN_SCOPE = "id = %s AND merchant_id = %s AND livemode = %s"
_find_intent = RowLoader(PaymentIntent, _IN_SCOPE)
_find_refund = RowLoader(Refund, _IN_SCOPE)
_find_attempt = RowLoader(PaymentAttempt, "id = %s")
_find_intent_by_id = RowLoader(PaymentIntent, "id = %s")


def as_attempt_id(charge_id: str) -> str:
    """Return the id of the attempt behind a charge's id."""
    return f"att{charge_id.removeprefix('ch')}"


def get_intent(scope: Scope, intent_id: str) -> PaymentIntent:
    """
    Return the intent.

    :raises ResourceMissing: not of this account and mode
    """
    intent: PaymentIntent | None = _find_intent(intent_id, scope.merchant_id, scope.livemode)
    if intent is None:
        raise ResourceMissing(resource="payment_intent", id=intent_id, param="intent")
    return intent


def get_refund(scope: Scope, refund_id: str) -> Refund:
    """
    Return the refund.

    :raises ResourceMissing: not of this account and mode
    """
    refund: Refund | None = _find_refund(refund_id, scope.merchant_id, scope.livemode)
    if refund is None:
        raise ResourceMissing(resource="refund", id=refund_id, param="id")
    return refund


def has_unknown_attempt() -> Exists:
    """Return the condition of intents with an attempt that the gateway has not told the end of."""
    attempts = PaymentAttempt.objects.filter(intent_id=OuterRef("pk"))
    return Exists(attempts.filter(status=AttemptStatus.UNKNOWN))


def get_attempt(attempt_id: str) -> PaymentAttempt:
    """
    Return the attempt, whoever's it is: for jobs, not for requests.

    :raises ResourceMissing: no such attempt
    """
    attempt: PaymentAttempt | None = _find_attempt(attempt_id)
    if attempt is None:
        raise ResourceMissing(resource="payment_attempt", id=attempt_id)
    return attempt


def get_attempt_and_intent(attempt_id: str) -> tuple[PaymentAttempt, PaymentIntent]:
    """
    Return an attempt and its intent.

    The intent is read first: a change between the two reads makes the intent the older one, and
    a write conditional on its version then finds out.

    :raises ResourceMissing: no such attempt
    """
    intent_id = get_attempt(attempt_id).intent_id
    intent: PaymentIntent | None = _find_intent_by_id(intent_id)
    if intent is None:
        raise ResourceMissing(resource="payment_intent", id=intent_id)
    return get_attempt(attempt_id), intent


def find_attempt_at_gateway(gateway: str, reference: str) -> PaymentAttempt | None:
    """Return the attempt which that gateway knows under `reference`."""
    if not reference:
        return None
    return PaymentAttempt.objects.filter(gateway=gateway, gateway_reference=reference).first()
