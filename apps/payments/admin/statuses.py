"""What the colours of payments, attempts and refunds say."""

from django.utils.safestring import SafeString

from apps.backoffice.kit.display import Tone, chip, words
from apps.payments.models import PaymentIntent
from apps.payments.states import AttemptStatus, IntentStatus, OrderStatus, RefundStatus

_INTENTS = {
    IntentStatus.CREATED: Tone.NEUTRAL,
    IntentStatus.REQUIRES_ACTION: Tone.BUSY,
    IntentStatus.PROCESSING: Tone.BUSY,
    IntentStatus.REQUIRES_CAPTURE: Tone.WARNING,
    IntentStatus.SUCCEEDED: Tone.GOOD,
    IntentStatus.FAILED: Tone.BAD,
    IntentStatus.CANCELED: Tone.NEUTRAL,
    IntentStatus.EXPIRED: Tone.NEUTRAL,
    IntentStatus.REFUNDED: Tone.NEUTRAL,
    IntentStatus.CONFLICTED: Tone.BAD,
}

_ATTEMPTS = {
    AttemptStatus.STARTED: Tone.BUSY,
    AttemptStatus.REQUIRES_ACTION: Tone.BUSY,
    AttemptStatus.AUTHORIZED: Tone.WARNING,
    AttemptStatus.CAPTURED: Tone.GOOD,
    AttemptStatus.VOIDED: Tone.NEUTRAL,
    AttemptStatus.FAILED: Tone.BAD,
    AttemptStatus.UNKNOWN: Tone.WARNING,
}

_REFUNDS = {
    RefundStatus.REQUIRES_APPROVAL: Tone.WARNING,
    RefundStatus.PENDING: Tone.BUSY,
    RefundStatus.SUCCEEDED: Tone.GOOD,
    RefundStatus.FAILED: Tone.BAD,
    RefundStatus.CANCELED: Tone.NEUTRAL,
}

_ORDERS = {
    OrderStatus.NOT_STARTED: Tone.NEUTRAL,
    OrderStatus.EXECUTING: Tone.BUSY,
    OrderStatus.SUCCESS: Tone.GOOD,
    OrderStatus.FAILED: Tone.BAD,
}


def intent_chip(status: str) -> SafeString:
    return chip(words(status), _INTENTS[IntentStatus(status)])


def attempt_chip(status: str) -> SafeString:
    return chip(words(status), _ATTEMPTS[AttemptStatus(status)])


def refund_chip(status: str) -> SafeString:
    return chip(words(status), _REFUNDS[RefundStatus(status)])


def order_chip(status: str) -> SafeString:
    return chip(words(status.lower()), _ORDERS[OrderStatus(status)])


def refunded_chip(intent: PaymentIntent) -> SafeString | str:
    """Return what stands beside the status: once all went back, the status itself says so."""
    if intent.amount_refund_pending:
        return chip(words("refund_under_way"), Tone.BUSY)
    is_part = 0 < intent.amount_refunded < intent.amount_received
    return chip(words("partly_refunded")) if is_part else ""
