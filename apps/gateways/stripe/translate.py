"""From Stripe's objects (plain dicts, as its SDK parses them) to ours. No I/O."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from apps.gateways.base import (
    Decline,
    DisputeMovement,
    DisputeResult,
    DisputeStage,
    DisputeState,
    FraudWarning,
    MethodDetails,
    PaymentResult,
    PaymentState,
    PayoutResult,
    PayoutState,
    RefundResult,
    RefundState,
    Settlement,
    SetupResult,
    SetupState,
    StoredMethod,
)
from apps.gateways.declines import STRIPE_REASONS, classify_decline

Object = Mapping[str, Any]
_State = TypeVar("_State", PaymentState, RefundState, PayoutState, DisputeState, SetupState)


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


_SETUP_STATES = {
    "requires_confirmation": SetupState.PENDING,
    "processing": SetupState.PENDING,
    "requires_action": SetupState.REQUIRES_ACTION,
    "succeeded": SetupState.SUCCEEDED,
    "requires_payment_method": SetupState.FAILED,
    "canceled": SetupState.FAILED,
}

_PAYOUT_STATES = {
    "pending": PayoutState.PENDING,
    "in_transit": PayoutState.IN_TRANSIT,
    "paid": PayoutState.PAID,
    "failed": PayoutState.FAILED,
    "canceled": PayoutState.CANCELED,
}

_DISPUTE_STATES = {
    "warning_needs_response": DisputeState.NEEDS_RESPONSE,
    "warning_under_review": DisputeState.UNDER_REVIEW,
    "warning_closed": DisputeState.CLOSED,
    "needs_response": DisputeState.NEEDS_RESPONSE,
    "under_review": DisputeState.UNDER_REVIEW,
    "appeal_needs_response": DisputeState.NEEDS_RESPONSE,
    "appeal_under_review": DisputeState.UNDER_REVIEW,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
    "prevented": DisputeState.PREVENTED,
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
        settlement=_settlement(charge, currency),
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


def read_setup(setup: Object) -> SetupResult:
    """
    Return what a setup intent says.

    :raises Unreadable: a field is missing or of another type
    """
    _check_is(setup, "setup_intent")
    state = _one_of(setup, "status", _SETUP_STATES)
    error = _nested(setup, "last_setup_error")
    return SetupResult(
        state=state,
        reference=_text(setup, "id"),
        decline=read_decline(error) if state == SetupState.FAILED else None,
        action_url=_optional_text(_nested(_nested(setup, "next_action"), "redirect_to_url"), "url"),
    )


def read_refund(refund: Object) -> RefundResult:
    """
    Return what a refund says.

    :raises Unreadable: a field is missing or of another type
    """
    _check_is(refund, "refund")
    destination = _nested(_nested(refund, "destination_details"), "card")
    return RefundResult(
        state=_one_of(refund, "status", _REFUND_STATES),
        reference=_text(refund, "id"),
        amount=_number(refund, "amount"),
        currency=_text(refund, "currency").upper(),
        refund_id=_optional_text(_nested(refund, "metadata"), "refund"),
        payment_reference=_reference(refund, "payment_intent"),
        failure_code=_optional_text(refund, "failure_reason"),
        settlement=_settlement(refund, _text(refund, "currency")),
        bank_reference=_optional_text(destination, "reference"),
        bank_reference_type=_optional_text(destination, "reference_type"),
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


def read_dispute(dispute: Object) -> DisputeResult:
    """
    Return what a dispute says.

    :raises Unreadable: a field is missing or of another type
    """
    _check_is(dispute, "dispute")
    card = _nested(_nested(dispute, "payment_method_details"), "card")
    details = _nested(dispute, "evidence_details")
    due_by = details.get("due_by")
    return DisputeResult(
        state=_one_of(dispute, "status", _DISPUTE_STATES),
        stage=_dispute_stage(_text(dispute, "status"), _optional_text(card, "case_type")),
        reference=_text(dispute, "id"),
        amount=_number(dispute, "amount"),
        currency=_text(dispute, "currency").upper(),
        reason=_optional_text(dispute, "reason") or "general",
        opened_at=datetime.fromtimestamp(_number(dispute, "created"), tz=UTC),
        payment_reference=_reference(dispute, "payment_intent"),
        charge_reference=_reference(dispute, "charge"),
        network=_optional_text(card, "brand"),
        network_reason_code=_optional_text(card, "network_reason_code"),
        due_at=datetime.fromtimestamp(due_by, tz=UTC) if due_by else None,
        submissions=details.get("submission_count") or 0,
        is_charge_refundable=dispute.get("is_charge_refundable") is True,
        movements=tuple(_dispute_movement(each) for each in _objects(dispute)),
    )


def read_fraud_warning(warning: Object) -> FraudWarning:
    """
    Return what an early fraud warning says.

    :raises Unreadable: a field is missing or of another type
    """
    _check_is(warning, "radar.early_fraud_warning")
    return FraudWarning(
        reference=_text(warning, "id"),
        kind=_text(warning, "fraud_type"),
        is_actionable=warning.get("actionable") is True,
        payment_reference=_reference(warning, "payment_intent"),
        charge_reference=_reference(warning, "charge"),
    )


def _dispute_stage(status: str, case_type: str) -> DisputeStage:
    # After a dispute was decided only the status tells that the bank came back.
    if status.startswith("appeal_"):
        return DisputeStage.PRE_ARBITRATION
    if status.startswith("warning_") or case_type == "inquiry":
        return DisputeStage.INQUIRY
    return DisputeStage.CHARGEBACK


def _objects(dispute: Object) -> list[Object]:
    movements = dispute.get("balance_transactions")
    if not isinstance(movements, list) or not all(isinstance(m, Mapping) for m in movements):
        raise Unreadable("balance_transactions is no list of objects")
    return movements


def _dispute_movement(movement: Object) -> DisputeMovement:
    return DisputeMovement(
        reference=_text(movement, "id"),
        amount=_number(movement, "amount"),
        fee=_number(movement, "fee"),
        currency=_text(movement, "currency").upper(),
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


def _settlement(moved: Object, currency: str) -> Settlement | None:
    """Return what a charge or refund is on our account, where that is in another currency."""
    movement = _nested(moved, "balance_transaction")
    rate = movement.get("exchange_rate")
    if movement.get("currency") in {None, currency} or not rate:
        return None
    return Settlement(
        amount=abs(_number(movement, "amount")),
        currency=_text(movement, "currency").upper(),
        # JSON has no decimals: the shortest text of the number is what Stripe wrote.
        rate=Decimal(str(rate)),
        at=datetime.fromtimestamp(_number(movement, "created"), tz=UTC),
        fee=_number(movement, "fee"),
    )


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
