"""From Stripe's objects (plain dicts, as its SDK parses them) to ours. No I/O."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from apps.gateways.base import (
    Decline,
    MethodDetails,
    PaymentResult,
    PaymentState,
    PayoutResult,
    PayoutState,
    RefundResult,
    RefundState,
    StoredMethod,
)
from apps.gateways.declines import STRIPE_REASONS, classify_decline

Object = Mapping[str, Any]
_State = TypeVar("_State", PaymentState, RefundState, PayoutState)


class Unreadable(Exception):
    """The answer is not the object we asked for; what it is about stays unknown."""


# `requires_confirmation` is what is left when Stripe broke between creating and confirming.
_PAYMENT_STATES = {
    "requires_confirmation": PaymentState.PENDING,
    "requires_action": PaymentState.REQUIRES_ACTION,
    "processing": PaymentState.PENDING,
    "requires_capture": PaymentState.AUTHORIZED,
    "succeeded": PaymentState.CAPTURED,
    "canceled": PaymentState.VOIDED,
    "requires_payment_method": PaymentState.DECLINED,
}

_REFUND_STATES = {
    "pending": RefundState.PENDING,
    "requires_action": RefundState.PENDING,
    "succeeded": RefundState.SUCCEEDED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.CANCELED,
}


_PAYOUT_STATES = {
    "pending": PayoutState.PENDING,
    "in_transit": PayoutState.IN_TRANSIT,
    "paid": PayoutState.PAID,
    "failed": PayoutState.FAILED,
    "canceled": PayoutState.CANCELED,
}


def read_payment(intent: Object) -> PaymentResult:
    """
    Return what a payment intent says, with `latest_charge.balance_transaction` when expanded.

    :raises Unreadable: a field is missing or of another type
    """
    _check_is(intent, "payment_intent")
    state = _one_of(intent, "status", _PAYMENT_STATES)
    charge = _nested(intent, "latest_charge")
    metadata = _nested(intent, "metadata")
    currency = _text(intent, "currency")
    return PaymentResult(
        state=state,
        reference=_text(intent, "id"),
        amount=_number(intent, "amount"),
        currency=currency.upper(),
        attempt_id=_optional_text(metadata, "attempt"),
        intent_id=_optional_text(metadata, "intent"),
        amount_captured=_amount_captured(intent, state),
        amount_refunded=charge.get("amount_refunded") or 0,
        charge_reference=_reference(intent, "latest_charge"),
        fee=_fee(charge, currency),
        decline=_decline(intent) if state == PaymentState.DECLINED else None,
        action_url=_optional_text(
            _nested(_nested(intent, "next_action"), "redirect_to_url"), "url"
        ),
        method=_method(intent, charge),
        method_token=_reference(intent, "payment_method"),
        authorization_expires_at=_capture_before(charge),
    )


def read_decline(error: Object) -> Decline:
    """Return the decline in a card error, or in an intent's `last_payment_error`."""
    code = _optional_text(error, "decline_code") or _optional_text(error, "code") or "unknown"
    advice_code = _optional_text(error, "advice_code")
    reason = classify_decline(STRIPE_REASONS, code, advice_code=advice_code)
    return Decline(
        code=code,
        error_class=reason.error_class,
        message=reason.advice,
        network_code=_optional_text(error, "network_decline_code"),
        advice_code=advice_code,
    )


def read_refund(refund: Object) -> RefundResult:
    """
    Return what a refund says.

    :raises Unreadable: a field is missing or of another type
    """
    _check_is(refund, "refund")
    return RefundResult(
        state=_one_of(refund, "status", _REFUND_STATES),
        reference=_text(refund, "id"),
        amount=_number(refund, "amount"),
        currency=_text(refund, "currency").upper(),
        refund_id=_optional_text(_nested(refund, "metadata"), "refund"),
        payment_reference=_reference(refund, "payment_intent"),
        failure_code=_optional_text(refund, "failure_reason"),
    )


def read_payout(payout: Object) -> PayoutResult:
    """
    Return what a payout says.

    :raises Unreadable: a field is missing or of another type
    """
    _check_is(payout, "payout")
    arrival = payout.get("arrival_date")
    return PayoutResult(
        state=_one_of(payout, "status", _PAYOUT_STATES),
        reference=_text(payout, "id"),
        amount=_number(payout, "amount"),
        currency=_text(payout, "currency").upper(),
        payout_id=_optional_text(_nested(payout, "metadata"), "payout"),
        failure_code=_optional_text(payout, "failure_code"),
        arrives_on=datetime.fromtimestamp(arrival, tz=UTC).date() if arrival else None,
    )


def read_method(method: Object) -> StoredMethod:
    """
    Return a payment method kept at Stripe.

    :raises Unreadable: a field is missing or of another type
    """
    _check_is(method, "payment_method")
    return StoredMethod(token=_text(method, "id"), details=_method_details(method))


def read_id(thing: Object, kind: str) -> str:
    """
    Return the id of an object of that kind.

    :raises Unreadable: it is another object
    """
    _check_is(thing, kind)
    return _text(thing, "id")


def read_page(page: Object) -> list[Object]:
    """
    Return the objects of one page of a list or search.

    :raises Unreadable: it is no page
    """
    data = page.get("data")
    if not isinstance(data, list) or not all(isinstance(each, Mapping) for each in data):
        raise Unreadable("not a list of objects")
    return data


def _amount_captured(intent: Object, state: PaymentState) -> int:
    return _number(intent, "amount_received") if state == PaymentState.CAPTURED else 0


def _fee(charge: Object, currency: str) -> int | None:
    # A fee in the currency of settlement cannot be booked beside the payment's own currency.
    movement = _nested(charge, "balance_transaction")
    if movement.get("currency") != currency:
        return None
    return _number(movement, "fee")


def _decline(intent: Object) -> Decline:
    return read_decline(_nested(intent, "last_payment_error"))


def _method(intent: Object, charge: Object) -> MethodDetails | None:
    # The charge comes first: it knows the checks, and how the payer was authenticated.
    error = _nested(intent, "last_payment_error")
    for source in (
        _nested(charge, "payment_method_details"),
        _nested(intent, "payment_method"),
        _nested(error, "payment_method"),
    ):
        if source:
            return _method_details(source)
    return None


def _method_details(source: Object) -> MethodDetails:
    """Read a payment method, or the copy of it on a charge; both have the same parts."""
    type_ = _text(source, "type")
    part = _nested(source, type_)
    checks = _nested(part, "checks")
    return MethodDetails(
        type=type_,
        brand=_optional_text(part, "brand"),
        last4=_optional_text(part, "last4"),
        exp_month=part.get("exp_month") or 0,
        exp_year=part.get("exp_year") or 0,
        funding=_optional_text(part, "funding"),
        country=_optional_text(part, "country"),
        fingerprint=_optional_text(part, "fingerprint"),
        bank_name=_optional_text(part, "bank_name"),
        cvc_check=_optional_text(checks, "cvc_check"),
        avs_line1_check=_optional_text(checks, "address_line1_check"),
        avs_postal_code_check=_optional_text(checks, "address_postal_code_check"),
        three_d_secure=_optional_text(_nested(part, "three_d_secure"), "result"),
    )


def _capture_before(charge: Object) -> datetime | None:
    details = _nested(charge, "payment_method_details")
    moment = _nested(details, "card").get("capture_before")
    return datetime.fromtimestamp(moment, tz=UTC) if moment else None


def _check_is(thing: Object, kind: str) -> None:
    if thing.get("object") != kind:
        raise Unreadable(f"not a {kind}")


def _text(thing: Object, name: str) -> str:
    value = thing.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"{name} is missing")
    return value


def _optional_text(thing: Object, name: str) -> str:
    value = thing.get(name)
    return value if isinstance(value, str) else ""


def _number(thing: Object, name: str) -> int:
    value = thing.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unreadable(f"{name} is no integer")
    return value


def _one_of(thing: Object, name: str, states: Mapping[str, _State]) -> _State:
    try:
        return states[_text(thing, name)]
    except KeyError:
        raise Unreadable(f"{name} is none we know") from None


def _nested(thing: Object, name: str) -> Object:
    """Return the object in a field, empty when it is absent or only an id."""
    value = thing.get(name)
    return value if isinstance(value, Mapping) else {}


def _reference(thing: Object, name: str) -> str:
    """Return the id in a field, which holds the id or, expanded, the object."""
    value = thing.get(name)
    return _optional_text(value, "id") if isinstance(value, Mapping) else value or ""
