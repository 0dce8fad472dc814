"""
Captures, cancels and refunds: "received" at once, the outcome in a notification.

The books change with the request, so that the witness is never behind; the merchant hears later.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from simulator.adyen.account import Account, Cause, Item
from simulator.adyen.disputes import Disputes
from simulator.adyen.errors import AdyenError
from simulator.adyen.fields import Fields, amount, required, text
from simulator.adyen.records import Payment, ResultCode
from simulator.books import (
    CaptureTooLarge,
    ChargeStatus,
    HoldTooLarge,
    Refund,
    RefundStatus,
    RefundTooLarge,
)
from simulator.ids import acquirer_reference

_INSUFFICIENT = "Insufficient balance on payment"
_WRONG_STATE = "Transaction hasn't been authorised or was finished before"


class Modifications:
    """What follows an authorisation."""

    def __init__(self, account: Account, disputes: Disputes) -> None:
        self._account = account
        self._disputes = disputes

    def capture(
        self, reference: str, fields: Fields, cause: Cause, *, amount_off: int
    ) -> dict[str, Any]:
        """
        Take what is held, or part of it; the rest is released.

        :raises AdyenError: no such payment
        """
        payment = self._get(reference)
        value, _currency = amount(fields)
        charge = payment.charge
        reason = _WRONG_STATE
        if charge is not None and charge.status == ChargeStatus.AUTHORIZED:
            try:
                # The fault may not take more than is held, so it takes less.
                self._account.world.books.capture(charge, amount=max(value - amount_off, 1))
                self._disputes.watch(payment)
                reason = ""
            except CaptureTooLarge:
                reason = _INSUFFICIENT
        taken = charge.amount_captured if charge and not reason else value
        own_reference = text(fields, "reference") or payment.reference
        self._notify(payment, cause, "CAPTURE", own_reference, amount=taken, reason=reason)
        return self._received(payment, cause, fields, value=value)

    def raise_hold(self, reference: str, fields: Fields, cause: Cause) -> dict[str, Any]:
        """
        Hold more; a notification tells what the bank said.

        :raises AdyenError: no such payment
        """
        payment = self._get(reference)
        value, _currency = amount(fields)
        charge = payment.charge
        reason = _WRONG_STATE
        if charge is not None and charge.status == ChargeStatus.AUTHORIZED:
            try:
                self._account.world.books.raise_hold(charge, amount=value)
                reason = ""
            except HoldTooLarge:
                reason = "Not enough balance"
        own_reference = text(fields, "reference") or payment.reference
        code = "AUTHORISATION_ADJUSTMENT"
        self._notify(payment, cause, code, own_reference, amount=value, reason=reason)
        return self._received(payment, cause, fields, value=value)

    def cancel(
        self, payment: Payment, fields: Fields, cause: Cause, *, code: str = "CANCELLATION"
    ) -> dict[str, Any]:
        """Release what is held, or stop a payment that has not moved money yet."""
        charge = payment.charge
        reason = ""
        if charge is not None and charge.status == ChargeStatus.AUTHORIZED:
            self._account.world.books.void(charge)
        elif payment.result == ResultCode.REDIRECT_SHOPPER:
            payment.result = ResultCode.CANCELLED
        else:
            reason = _WRONG_STATE
        own_reference = text(fields, "reference") or payment.reference
        self._notify(payment, cause, code, own_reference, amount=payment.amount, reason=reason)
        return self._received(payment, cause, fields)

    def cancel_by_reference(self, fields: Fields, cause: Cause) -> dict[str, Any]:
        """
        Cancel what carries the merchant's reference, without a PSP reference to name it by.

        :raises AdyenError: there is no such payment
        """
        payment = self._get(required(fields, "paymentReference"))
        return self.cancel(payment, fields, cause, code="TECHNICAL_CANCEL")

    def cancel_payment(self, reference: str, fields: Fields, cause: Cause) -> dict[str, Any]:
        """
        Cancel the payment with this PSP reference.

        :raises AdyenError: there is none
        """
        return self.cancel(self._get(reference), fields, cause)

    def refund(self, reference: str, fields: Fields, cause: Cause) -> dict[str, Any]:
        """
        Give money back.

        :raises AdyenError: no such payment
        """
        payment = self._get(reference)
        value, _currency = amount(fields)
        own_reference = text(fields, "reference")
        reason = self._give_back(payment, own_reference, value, cause)
        self._notify(
            payment,
            cause,
            "REFUND",
            own_reference,
            amount=value,
            reason=reason,
            details={} if reason else {"arn": acquirer_reference(cause.psp_reference)},
        )
        return self._received(payment, cause, fields, value=value)

    def fail_refund(self, payment: Payment, refund: Refund) -> None:
        """Hear that the payer's bank sent the money back, maybe long after."""
        if refund.status != RefundStatus.SUCCEEDED:
            return

        def end(cause: Cause) -> None:
            self._account.world.books.undo_refund(
                refund, RefundStatus.FAILED, reason="expired_or_canceled_card"
            )
            self._account.notify(
                cause,
                Item(
                    code="REFUND_FAILED",
                    psp_reference=refund.id,
                    payment=payment,
                    reference=refund.reference,
                    amount=refund.amount,
                    reason="Account closed",
                ),
            )

        self._account.happen(end)

    def _give_back(self, payment: Payment, own_reference: str, value: int, cause: Cause) -> str:
        """Return why it could not be done, "" when it was."""
        if payment.charge is None or not payment.charge.is_captured:
            return _WRONG_STATE
        refund = Refund(
            id=cause.psp_reference,
            charge=payment.charge,
            reference=own_reference,
            amount=value,
            created=int(self._account.world.clock.now()),
            status=RefundStatus.SUCCEEDED,
            reason=None,
            metadata={},
        )
        try:
            self._account.world.books.refund(refund)
        except RefundTooLarge:
            return _INSUFFICIENT
        self._account.refunds[refund.id] = refund
        return ""

    def _get(self, reference: str) -> Payment:
        payment = self._account.find(reference)
        if payment is None:
            raise AdyenError("Original pspReference required for this operation", code="167")
        return payment

    def _notify(
        self,
        payment: Payment,
        cause: Cause,
        code: str,
        own_reference: str,
        *,
        amount: int,
        reason: str,
        details: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        item = Item(
            code=code,
            psp_reference=cause.psp_reference,
            payment=payment,
            reference=own_reference,
            amount=amount,
            success=not reason,
            reason=reason,
            details=details,
        )
        self._account.notify(cause, item)

    def _received(
        self, payment: Payment, cause: Cause, fields: Fields, *, value: int | None = None
    ) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "merchantAccount": text(fields, "merchantAccount"),
            "paymentPspReference": payment.psp_reference,
            "pspReference": cause.psp_reference,
            "reference": text(fields, "reference"),
            "status": "received",
        }
        if value is not None:
            shown["amount"] = {"currency": payment.currency.upper(), "value": value}
        return shown
