"""From Adyen's answers and notifications (plain dicts) to facts. No I/O."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps.gateways.adyen.journal import Fact
from apps.gateways.base import PaymentRequest, PaymentResult, RefundRequest

Object = Mapping[str, Any]

ANSWER = "answer:"
REFUND_RECEIVED = f"{ANSWER}refund"
CANCEL_RECEIVED = f"{ANSWER}cancel"

# Our own words, which Adyen sends back with each notification of the payment.
CAPTURE_MODE = "metadata.capture"
INITIATOR = "metadata.initiator"
INTENT = "merchantOrderReference"

BY_MERCHANT = "merchant"

# Told with a refund where the account has the setting "Include ARN".
# Source: docs.adyen.com, "Additional settings" of webhooks
ARN = "arn"

# What is read out of `additionalData` later; the rest is not kept.
_DETAILS = frozenset(
    {
        CAPTURE_MODE,
        INITIATOR,
        INTENT,
        "alias",
        ARN,
        "avsResult",
        "bankSummary",
        "cardIssuingCountry",
        "cardSummary",
        "chargebackReasonCode",
        "chargebackSchemeCode",
        "cvcResult",
        "defensePeriodEndsAt",
        "disputeStatus",
        "expiryDate",
        "fundingSource",
        "iban",
        "issuerBank",
        "paymentMethod",
        "rapidDisputeResolution",
        "refusalReasonRaw",
        "rfiReasonCode",
        "rfiSchemeCode",
        "merchantAdviceCode",
        "threeDAuthenticated",
        "threeDOffered",
        "tokenization.shopperReference",
        "tokenization.storedPaymentMethodId",
    }
)


class Unreadable(Exception):
    """The answer is not what we asked for; what it is about stays unknown."""


def read_answer(answer: Object, request: PaymentRequest, *, now: datetime) -> Fact:
    """
    Return what the answer to a payment request says.

    :raises Unreadable: a field is missing, of another type, or about another payment
    """
    reference = text_of(answer, "pspReference")
    if text_of(answer, "merchantReference") not in {"", request.attempt_id}:
        raise Unreadable(f"it is not about {request.attempt_id}")
    amount, currency = _amount_of(answer, request.amount, request.currency)
    action = answer.get("action")
    details = {
        **_details_of(answer),
        INTENT: request.intent_id,
        CAPTURE_MODE: capture_mode(request),
        INITIATOR: initiator(request),
        "action_url": text_of(action, "url") if isinstance(action, Mapping) else "",
    }
    return Fact(
        code=f"{ANSWER}{_required(answer, 'resultCode')}",
        success=True,
        # Before the bank is asked Adyen names no reference; ours stands in for it.
        reference=reference or request.attempt_id,
        payment_reference=reference,
        merchant_reference=request.attempt_id,
        amount=amount,
        currency=currency,
        occurred_at=now,
        reason=text_of(answer, "refusalReason"),
        details=details,
    )


def read_details_answer(answer: Object, known: PaymentResult, *, now: datetime) -> Fact:
    """
    Return what became of a payment whose payer came back from the bank's page.

    :raises Unreadable: a field is missing, of another type, or about another payment
    """
    if text_of(answer, "merchantReference") not in {"", known.attempt_id}:
        raise Unreadable(f"it is not about {known.attempt_id}")
    reference = text_of(answer, "pspReference")
    amount, currency = _amount_of(answer, known.amount, known.currency)
    return Fact(
        code=f"{ANSWER}{_required(answer, 'resultCode')}",
        success=True,
        reference=reference or known.attempt_id,
        payment_reference=reference,
        merchant_reference=known.attempt_id,
        amount=amount,
        currency=currency,
        occurred_at=now,
        reason=text_of(answer, "refusalReason"),
        details=_details_of(answer),
    )


def read_refund_answer(answer: Object, request: RefundRequest, *, now: datetime) -> Fact:
    """
    Return that Adyen took a refund; how it ends a notification tells.

    :raises Unreadable: a field is missing, of another type, or about another refund
    """
    if text_of(answer, "reference") not in {"", request.refund_id}:
        raise Unreadable(f"it is not about {request.refund_id}")
    return Fact(
        code=REFUND_RECEIVED,
        success=True,
        reference=_required(answer, "pspReference"),
        payment_reference=request.reference,
        merchant_reference=request.refund_id,
        amount=request.amount,
        currency=request.currency.upper(),
        occurred_at=now,
    )


def read_cancel_answer(answer: Object, attempt_id: str, *, now: datetime) -> Fact:
    """
    Return that Adyen took the wish to end a payment; how it ends a notification tells.

    :raises Unreadable: a field is missing
    """
    return Fact(
        code=CANCEL_RECEIVED,
        success=True,
        reference=_required(answer, "pspReference"),
        payment_reference=text_of(answer, "paymentPspReference"),
        merchant_reference=attempt_id,
        amount=0,
        currency="",
        occurred_at=now,
    )


def read_item(item: Object, *, occurred_at: datetime) -> Fact:
    """
    Return what a verified notification says.

    :raises Unreadable: a field is missing or of another type
    """
    amount = item.get("amount")
    if not isinstance(amount, Mapping):
        raise Unreadable("amount is missing")
    reference = _required(item, "pspReference")
    return Fact(
        code=_required(item, "eventCode"),
        success=_required(item, "success") == "true",
        reference=reference,
        payment_reference=text_of(item, "originalReference") or reference,
        merchant_reference=text_of(item, "merchantReference"),
        amount=_number(amount, "value"),
        currency=_required(amount, "currency").upper(),
        occurred_at=occurred_at,
        reason=text_of(item, "reason"),
        details=_details_of(item),
    )


def capture_mode(request: PaymentRequest) -> str:
    """Return our word for when the money is taken."""
    return "immediate" if request.capture else "manual"


def initiator(request: PaymentRequest) -> str:
    """Return our word for who starts the payment: the schemes hold money for less time for us."""
    return BY_MERCHANT if request.off_session else "payer"


def text_of(thing: Object, name: str) -> str:
    """Return the text in a field, "" when there is none."""
    value = thing.get(name)
    return value if isinstance(value, str) else ""


def _details_of(thing: Object) -> dict[str, str]:
    given = thing.get("additionalData")
    given = given if isinstance(given, Mapping) else {}
    return {name: value for name, value in given.items() if name in _DETAILS and value}


def _amount_of(answer: Object, asked: int, currency: str) -> tuple[int, str]:
    """Return the amount in the answer, which some results leave out: then ours stands."""
    amount = answer.get("amount")
    if not isinstance(amount, Mapping):
        return asked, currency.upper()
    return _number(amount, "value"), _required(amount, "currency").upper()


def _required(thing: Object, name: str) -> str:
    value = text_of(thing, name)
    if not value:
        raise Unreadable(f"{name} is missing")
    return value


def _number(thing: Object, name: str) -> int:
    value = thing.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unreadable(f"{name} is no integer")
    return value
