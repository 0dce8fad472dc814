"""Decisions about payments that need no database and no network; time is passed in."""

from datetime import datetime, timedelta
from typing import Any

from apps.fraud.policies import BLOCK_CODE
from apps.gateways.base import Decline, DeclineClass, PaymentResult
from apps.payments.states import RETRYABLE_CLASSES, ErrorClass, IntentStatus, OrderStatus

# An intent nobody paid ends after a day; a client may ask for another time (S4.8).
INTENT_LIFETIME = timedelta(hours=24)

# The request itself waits this long for its gateway, so that the client has an answer within 5 s.
INLINE_BUDGET = timedelta(seconds=4.5)

# How long the process that runs an attempt is left alone before a sweeper takes over. Longer than
# the inline budget, or both would call the gateway at once.
LEASE = timedelta(seconds=6)

# How long the gateway that was left may take to show a payment in its search, which lags behind;
# what it does not show then it never had. Webhooks tell sooner.
FENCE_AFTER = timedelta(seconds=70)

# How often a capture looks whether the gateway that was left is over.
FENCE_LOOK = timedelta(seconds=10)

# A payment of unknown outcome is repeated with the same key while its payer still waits for it;
# later it is only looked up, for nobody expects to be charged then.
REPLAY_WINDOW = timedelta(minutes=15)

# When an attempt without an outcome is looked at again. Dense at first, since most faults heal in
# seconds; the long tail is for gateways that tell days later (AC-13).
_CHECK_AFTER = [
    *(timedelta(seconds=s) for s in (2, 3, 5, 10, 20, 40)),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(hours=1),
    *(timedelta(days=1) for _ in range(5)),
]

# A payer at the bank's page, or a bank that takes days, is polled in calmer steps; webhooks are
# faster anyway.
_POLL_AFTER = [
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=1),
    *(timedelta(hours=6) for _ in range(4)),
    *(timedelta(days=1) for _ in range(13)),
]


def next_check(now: datetime, *, checks: int) -> datetime | None:
    """Return when to ask about a lost outcome again; None when a person has to look."""
    return now + _CHECK_AFTER[checks] if checks < len(_CHECK_AFTER) else None


def next_poll(now: datetime, *, checks: int) -> datetime | None:
    """Return when to ask about a pending payment again; None when a person has to look."""
    return now + _POLL_AFTER[checks] if checks < len(_POLL_AFTER) else None


_ORDER_STATUSES = {
    IntentStatus.CREATED: OrderStatus.NOT_STARTED,
    IntentStatus.SUCCEEDED: OrderStatus.SUCCESS,
    IntentStatus.REFUNDED: OrderStatus.SUCCESS,
    IntentStatus.CANCELED: OrderStatus.FAILED,
    IntentStatus.EXPIRED: OrderStatus.FAILED,
}


def order_status(status: str, *, is_retryable: bool) -> OrderStatus:
    """
    Return how a payment order shows an intent's status.

    A failed payment that may be tried again is still being executed.
    Source: ruling C8
    """
    if status == IntentStatus.FAILED:
        return OrderStatus.EXECUTING if is_retryable else OrderStatus.FAILED
    return _ORDER_STATUSES.get(IntentStatus(status), OrderStatus.EXECUTING)


def has_another_amount(result: PaymentResult, *, amount: int, currency: str) -> bool:
    """Return whether the gateway answered about other money than was asked for (AC-16)."""
    return (result.amount, result.currency.upper()) != (amount, currency.upper())


def classify(decline: Decline) -> ErrorClass:
    """Return the class under which the attempt failed."""
    return {
        DeclineClass.RETRYABLE: ErrorClass.RETRYABLE,
        DeclineClass.TERMINAL: ErrorClass.TERMINAL,
        DeclineClass.FRAUD: ErrorClass.FRAUD,
        DeclineClass.AUTHENTICATION_REQUIRED: ErrorClass.AUTHENTICATION_REQUIRED,
    }[decline.error_class]


def describe_decline(decline: Decline, *, charge: str) -> dict[str, Any]:
    """Return `last_payment_error` for a decline, in the shape of Stripe's error object."""
    error_class = classify(decline)
    return {
        "type": "card_error",
        "code": _code_of(decline),
        "decline_code": decline.code,
        "advice_code": decline.advice_code or None,
        "network_decline_code": decline.network_code or None,
        "message": decline.message or "The payment was declined.",
        "charge": charge,
        "error_class": str(error_class),
        "retryable": error_class in RETRYABLE_CLASSES,
    }


def describe_block() -> dict[str, Any]:
    """
    Return `last_payment_error` for a payment that risk blocked.

    The words tell nothing about the reason: they may reach a fraudster.
    """
    return {
        "type": "card_error",
        "code": BLOCK_CODE,
        "decline_code": "fraudulent",
        "advice_code": "do_not_try_again",
        "network_decline_code": None,
        "message": "The payment was declined.",
        "charge": None,
        "error_class": str(ErrorClass.FRAUD),
        "retryable": False,
    }


# The gateway does not have the payment method that it was asked to charge.
METHOD_UNKNOWN = "payment_method_unknown"


def describe_failure(error_class: ErrorClass, *, code: str, message: str) -> dict[str, Any]:
    """Return `last_payment_error` for an attempt that broke before the bank was asked."""
    return {
        "type": "api_error",
        "code": code,
        "decline_code": None,
        "advice_code": None,
        "network_decline_code": None,
        "message": message,
        "charge": None,
        "error_class": str(error_class),
        "retryable": error_class in RETRYABLE_CLASSES,
    }


# Declines which Stripe reports under a code of their own; all others are `card_declined`.
_OWN_CODES = frozenset(
    {
        "authentication_required",
        "expired_card",
        "incorrect_cvc",
        "incorrect_number",
        "incorrect_zip",
        "processing_error",
        "payment_intent_authentication_failure",
    }
)


def _code_of(decline: Decline) -> str:
    return decline.code if decline.code in _OWN_CODES else "card_declined"
