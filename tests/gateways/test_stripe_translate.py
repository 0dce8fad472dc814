from datetime import UTC, datetime
from typing import Any

import pytest

from apps.gateways.base import (
    Decline,
    DeclineClass,
    MethodDetails,
    PaymentResult,
    PaymentState,
    RefundResult,
    RefundState,
)
from apps.gateways.stripe.translate import (
    Unreadable,
    read_decline,
    read_method,
    read_page,
    read_payment,
    read_refund,
)
from tests.gateways.stripe_objects import (
    CARD,
    balance_transaction,
    card_error,
    charge,
    declined_intent,
    intent,
    refund,
)

VISA = MethodDetails(
    type="card",
    brand="visa",
    last4="4242",
    exp_month=8,
    exp_year=2031,
    funding="debit",
    country="DE",
    fingerprint="Xt5EWLLDS7FJjR1c",
    cvc_check="pass",
    avs_line1_check="unavailable",
    avs_postal_code_check="fail",
    three_d_secure="authenticated",
)


def test_a_captured_payment_tells_amounts_fee_references_and_card() -> None:
    assert read_payment(intent()) == PaymentResult(
        state=PaymentState.CAPTURED,
        reference="pi_1",
        amount=1050,
        currency="EUR",
        attempt_id="att_ours",
        intent_id="pi_ours",
        amount_captured=1050,
        amount_refunded=0,
        charge_reference="ch_1",
        fee=60,
        method=VISA,
        method_token="pm_1",
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("requires_confirmation", PaymentState.PENDING),
        ("requires_action", PaymentState.REQUIRES_ACTION),
        ("processing", PaymentState.PENDING),
        ("requires_capture", PaymentState.AUTHORIZED),
        ("succeeded", PaymentState.CAPTURED),
        ("canceled", PaymentState.VOIDED),
        ("requires_payment_method", PaymentState.DECLINED),
    ],
)
def test_every_status_has_its_state(status: str, state: PaymentState) -> None:
    assert read_payment(intent(status=status)).state is state


def test_a_status_we_do_not_know_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="status"):
        read_payment(intent(status="half_paid"))


def test_held_money_is_not_captured_and_tells_when_it_expires() -> None:
    held = charge(
        balance_transaction=None,
        payment_method_details={"type": "card", "card": CARD | {"capture_before": 1798761600}},
    )

    result = read_payment(intent(status="requires_capture", amount_received=0, latest_charge=held))

    assert (result.state, result.amount, result.amount_captured) == (
        PaymentState.AUTHORIZED,
        1050,
        0,
    )
    assert result.fee is None
    assert result.authorization_expires_at == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_partial_capture_tells_what_was_taken() -> None:
    result = read_payment(intent(amount_received=400))

    assert (result.amount, result.amount_captured) == (1050, 400)


def test_another_amount_is_passed_on_as_it_is() -> None:
    result = read_payment(intent(amount=999, currency="usd", amount_received=999))

    assert (result.amount, result.currency, result.amount_captured) == (999, "USD", 999)


def test_refunded_money_is_told() -> None:
    assert read_payment(intent(latest_charge=charge(amount_refunded=250))).amount_refunded == 250


@pytest.mark.parametrize("movement", [None, "txn_1", balance_transaction(currency="usd", fee=65)])
def test_a_fee_not_told_or_in_another_currency_is_none(movement: Any) -> None:
    assert read_payment(intent(latest_charge=charge(balance_transaction=movement))).fee is None


def test_a_free_payment_has_a_fee_of_zero() -> None:
    free = charge(balance_transaction=balance_transaction(fee=0))

    assert read_payment(intent(latest_charge=free)).fee == 0


def test_objects_that_are_not_expanded_still_give_their_references() -> None:
    result = read_payment(intent(latest_charge="ch_1", payment_method="pm_1"))

    assert (result.charge_reference, result.method_token) == ("ch_1", "pm_1")
    assert result.method is None


def test_a_payment_before_its_first_charge_has_no_charge() -> None:
    result = read_payment(
        intent(
            status="requires_action",
            amount_received=0,
            latest_charge=None,
            next_action={
                "type": "redirect_to_url",
                "redirect_to_url": {"url": "https://bank.example/3ds", "return_url": "https://a"},
            },
        )
    )

    assert result.state is PaymentState.REQUIRES_ACTION
    assert result.action_url == "https://bank.example/3ds"
    assert (result.charge_reference, result.fee, result.amount_refunded) == ("", None, 0)
    assert result.method == VISA


def test_a_declined_payment_tells_why() -> None:
    result = read_payment(declined_intent())

    assert (result.state, result.amount_captured) == (PaymentState.DECLINED, 0)
    assert result.decline == Decline(
        code="insufficient_funds",
        error_class=DeclineClass.RETRYABLE,
        message="There is not enough money on the account. Please use another payment method.",
        network_code="51",
        advice_code="try_again_later",
    )


def test_an_old_error_is_no_decline_once_the_payment_succeeded() -> None:
    assert read_payment(intent(last_payment_error=card_error())).decline is None


def test_a_decline_without_decline_code_is_known_by_its_code() -> None:
    decline = read_decline(card_error(code="expired_card", decline_code=None, advice_code=None))

    assert (decline.code, decline.error_class) == ("expired_card", DeclineClass.TERMINAL)


def test_a_decline_that_tells_nothing_is_terminal() -> None:
    decline = read_decline({})

    assert (decline.code, decline.error_class) == ("unknown", DeclineClass.TERMINAL)


def test_a_failed_challenge_is_told_by_the_method_in_the_error() -> None:
    error = {
        "type": "invalid_request_error",
        "code": "payment_intent_authentication_failure",
        "payment_method": {"id": "pm_1", "object": "payment_method", "type": "card", "card": CARD},
    }

    result = read_payment(
        intent(
            status="requires_payment_method",
            latest_charge=None,
            payment_method=None,
            last_payment_error=error,
        )
    )

    assert result.decline is not None
    assert result.decline.error_class is DeclineClass.AUTHENTICATION_REQUIRED
    assert result.method == VISA


@pytest.mark.parametrize(
    "changes",
    [
        {"object": "charge"},
        {"id": None},
        {"id": ""},
        {"amount": "1050"},
        {"amount": 10.5},
        {"amount": True},
        {"amount": None},
        {"currency": None},
        {"amount_received": None},
        {"status": 3},
    ],
)
def test_a_payment_with_a_broken_field_is_unreadable(changes: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read_payment(intent(**changes))


def test_a_payment_of_somebody_else_carries_none_of_our_references() -> None:
    result = read_payment(intent(metadata={}))

    assert (result.attempt_id, result.intent_id) == ("", "")


def test_a_refund_tells_its_references_and_amount() -> None:
    assert read_refund(refund()) == RefundResult(
        state=RefundState.SUCCEEDED,
        reference="re_1",
        amount=300,
        currency="EUR",
        refund_id="re_ours",
        payment_reference="pi_1",
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", RefundState.PENDING),
        ("requires_action", RefundState.PENDING),
        ("succeeded", RefundState.SUCCEEDED),
        ("failed", RefundState.FAILED),
        ("canceled", RefundState.CANCELED),
    ],
)
def test_every_refund_status_has_its_state(status: str, state: RefundState) -> None:
    assert read_refund(refund(status=status)).state is state


def test_a_failed_refund_tells_why() -> None:
    failed = refund(status="failed", failure_reason="lost_or_stolen_card")

    assert read_refund(failed).failure_code == "lost_or_stolen_card"


def test_a_refund_tells_by_what_the_bank_finds_it_once_that_is_known() -> None:
    card = {
        "reference": "74567890123456789012345",
        "reference_status": "available",
        "reference_type": "acquirer_reference_number",
        "type": "refund",
    }
    known = read_refund(refund(destination_details={"type": "card", "card": card}))
    waiting = read_refund(
        refund(
            destination_details={
                "type": "card",
                "card": {"reference_status": "pending", "reference": None, "type": "pending"},
            }
        )
    )

    assert (known.bank_reference, known.bank_reference_type) == (
        "74567890123456789012345", "acquirer_reference_number",
    )  # fmt: skip
    assert (waiting.bank_reference, waiting.bank_reference_type) == ("", "")


def test_a_bank_account_is_described_by_its_last_digits_and_country() -> None:
    method = {
        "id": "pm_2",
        "object": "payment_method",
        "type": "sepa_debit",
        "sepa_debit": {"bank_code": "37040044", "country": "DE", "last4": "3000",
                       "fingerprint": "vifs0Ho7vwRn1Miu"},
    }  # fmt: skip

    stored = read_method(method)

    assert stored.token == "pm_2"
    assert stored.details == MethodDetails(
        type="sepa_debit", last4="3000", country="DE", fingerprint="vifs0Ho7vwRn1Miu"
    )


def test_tokens_do_not_show_in_what_is_printed() -> None:
    assert "pm_1" not in repr(read_payment(intent()))
    assert "pm_1" not in repr(read_method(intent()["payment_method"]))


@pytest.mark.parametrize("page", [{}, {"data": None}, {"data": {}}, {"data": ["pi_1"]}])
def test_a_broken_page_is_unreadable(page: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read_page(page)
