"""What payments refuse, each named after the fact."""

from typing import Any, ClassVar

from apps.common.errors import DomainError


class PaymentInProgress(DomainError):
    """An earlier try has no outcome yet; another one could charge twice (AC-13)."""

    code: ClassVar[str] = "payment_in_progress"
    template: ClassVar[str] = "{intent} has an attempt without an outcome: {attempt}. Wait for it."


class IntentNotConfirmable(DomainError):
    code: ClassVar[str] = "invalid_state"
    template: ClassVar[str] = "{intent} is {status} and cannot be confirmed."


class PaymentTerminallyFailed(DomainError):
    """The last decline forbids another try with this intent (ruling C13)."""

    code: ClassVar[str] = "payment_terminally_failed"
    template: ClassVar[str] = "{intent} failed for good ({decline_code}); create a new intent."


class IntentNotCancelable(DomainError):
    code: ClassVar[str] = "invalid_state"
    template: ClassVar[str] = "{intent} is {status} and cannot be canceled."


class IntentNotCapturable(DomainError):
    code: ClassVar[str] = "invalid_state"
    template: ClassVar[str] = "{intent} is {status}: there is nothing to capture."


class IntentNotUpdatable(DomainError):
    code: ClassVar[str] = "invalid_state"
    template: ClassVar[str] = "{intent} is {status}: {fields} cannot change any more."


class CaptureExceedsAuthorized(DomainError):
    code: ClassVar[str] = "amount_too_large"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{requested} is more than the {capturable} that are authorised."


class PaymentMethodRequired(DomainError):
    code: ClassVar[str] = "parameter_missing"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{intent} has no payment method: give one to confirm it."


class NoGatewayForMethod(DomainError):
    """No configured gateway holds a token of this payment method (ruling C12)."""

    code: ClassVar[str] = "payment_method_unsupported"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "No gateway can charge {payment_method} in {currency}."


class PaymentNotRefundable(DomainError):
    code: ClassVar[str] = "payment_not_refundable"
    template: ClassVar[str] = "{intent} is {status}: nothing of it was captured."


class RefundNotRetryable(DomainError):
    """Only what failed is tried again, and once: a failed retry is tried again itself."""

    code: ClassVar[str] = "refund_not_retryable"
    template: ClassVar[str] = "{refund} is {status}, tried again as: {retry}."


class UncapturedNotRefundable(DomainError):
    """Money that is only held is released by cancelling (AC-49e)."""

    code: ClassVar[str] = "payment_not_captured"
    template: ClassVar[str] = "{intent} is authorised but not captured: cancel it instead."


class RefundExceedsCaptured(DomainError):
    code: ClassVar[str] = "refund_exceeds_captured"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{requested} is more than the {refundable} that can be refunded."


class ChargeDisputed(DomainError):
    """The bank took the money back already; a refund would pay the payer twice (AC-86)."""

    code: ClassVar[str] = "charge_disputed"
    template: ClassVar[str] = "{charge} is disputed: nothing is refunded while the bank decides."


class RefundNotCancelable(DomainError):
    code: ClassVar[str] = "invalid_state"
    template: ClassVar[str] = "{refund} is {status} and cannot be canceled."


class AmountNotAboveHold(DomainError):
    code: ClassVar[str] = "amount_too_small"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{held} minor units are held already; {requested} is not more."


class IncrementDeclined(DomainError):
    """The bank does not hold more; what it holds already stays held."""

    code: ClassVar[str] = "card_declined"
    type: ClassVar[str] = "card_error"
    status: ClassVar[int] = 402
    template: ClassVar[str] = "The bank declined to hold {requested}; {held} stay held."


class GatewayFailed(DomainError):
    """The gateway failed before it took anything; the intent says why and may be tried again."""

    code: ClassVar[str] = "gateway_unavailable"
    type: ClassVar[str] = "api_error"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The gateway could not be reached; nothing was charged."


class MethodUnknownToGateway(DomainError):
    """Nothing was charged: a token that is spent or misspelled, or of another account."""

    code: ClassVar[str] = "payment_method_unknown"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The gateway has no such payment method or token."


class ConcurrentChange(DomainError):
    """Others changed the intent each time we tried; nothing was done."""

    code: ClassVar[str] = "lock_timeout"
    type: ClassVar[str] = "api_error"
    status: ClassVar[int] = 503
    template: ClassVar[str] = "{intent} is busy. Repeat the request with the same key."


class FeeWithoutSeller(DomainError):
    code: ClassVar[str] = "parameter_missing"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "application_fee_amount goes with transfer_data[destination]."


class FeeExceedsAmount(DomainError):
    code: ClassVar[str] = "amount_too_large"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The fee of {fee} is more than the payment's amount of {amount}."


class PaymentOrderAlreadyExists(DomainError):
    """A payment order id is used once, forever and everywhere (AC-08, AC-11)."""

    code: ClassVar[str] = "payment_order_already_exists"
    template: ClassVar[str] = "There is a payment order '{payment_order_id}' already."


class CheckoutAlreadyExists(DomainError):
    code: ClassVar[str] = "checkout_already_exists"
    template: ClassVar[str] = "There is a payment for checkout '{checkout_id}' already."


class CardDeclined(DomainError):
    """The bank said no; the error object carries the intent, as Stripe's does."""

    code: ClassVar[str] = "card_declined"
    type: ClassVar[str] = "card_error"
    status: ClassVar[int] = 402

    def __init__(self, error: dict[str, Any], *, intent: dict[str, Any]) -> None:
        super().__init__(
            error["message"],
            decline_code=error["decline_code"],
            advice_code=error["advice_code"],
            network_decline_code=error["network_decline_code"],
            charge=error["charge"],
            payment_intent=intent,
            retryable=bool(error.get("retryable")),
        )
        # Stripe reports some declines under a code of their own.
        self.code = error["code"]  # type: ignore[misc]


class NothingToRefund(DomainError):
    """Of many payments to be refunded at once, none can be."""

    code: ClassVar[str] = "nothing_to_refund"
    template: ClassVar[str] = "None of {payments} payments can be refunded: {first}"
