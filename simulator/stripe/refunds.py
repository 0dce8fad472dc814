"""Refunds: of cards at once, of bank debits after a while; and those that fail later."""

from simulator.books import Refund, RefundStatus, RefundTooLarge
from simulator.instruments import BankAccount
from simulator.stripe.account import Account, Cause, find
from simulator.stripe.errors import InvalidParameter, InvalidRequest
from simulator.stripe.forms import Params
from simulator.stripe.objects import show_charge, show_refund
from simulator.stripe.records import StripeCharge

_REASONS = ("", "duplicate", "fraudulent", "requested_by_customer")
_FAILURE = "expired_or_canceled_card"


class Refunds:
    """The refunds of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def create(self, params: Params, cause: Cause) -> Refund:
        """
        Give money back, all that is left by default.

        :raises InvalidRequest: nothing was captured, or less is left
        """
        charge = self._charge_behind(params)
        reason = params.choice("reason", _REASONS)
        amount = params.integer("amount")
        refund = self._enter(charge, amount, reason, params)
        account = self._account
        account.refunds[refund.id] = refund
        if refund.movement is not None:
            account.movements[refund.movement.id] = refund.movement
        account.publish(cause, "charge.refunded", show_charge(charge), charge=charge)
        self._tell(refund, "refund.created", cause)
        if refund.status == RefundStatus.PENDING:
            delay = account.world.settings.debit_delay
            account.world.agenda.after(delay, lambda: self.arrive(refund))
        return refund

    def update(self, reference: str, params: Params, cause: Cause) -> Refund:
        """
        Change the metadata.

        :raises ResourceMissing: no such refund
        """
        refund = self.get(reference)
        refund.metadata = params.metadata(refund.metadata)
        self._tell_change(refund, cause)
        return refund

    def cancel(self, reference: str, cause: Cause) -> Refund:
        """
        Stop a refund that has not arrived.

        :raises InvalidRequest: it is too late
        """
        refund = self.get(reference)
        if refund.status != RefundStatus.PENDING:
            raise InvalidRequest(
                f"This Refund could not be canceled because it has a status of {refund.status}."
            )
        self._undo(refund, RefundStatus.CANCELED, "merchant_request", cause)
        return refund

    def get(self, reference: str) -> Refund:
        """
        Return a refund.

        :raises ResourceMissing: there is none
        """
        return find(self._account.refunds, reference, "refund")

    def arrive(self, refund: Refund) -> None:
        """Hear that a pending refund reached the payer."""
        if refund.status == RefundStatus.PENDING:
            refund.status = RefundStatus.SUCCEEDED
            self._account.happen(lambda cause: self._tell_change(refund, cause))

    def fail(self, refund: Refund) -> None:
        """Hear that the payer's bank sent the money back, maybe long after."""
        if refund.status in {RefundStatus.PENDING, RefundStatus.SUCCEEDED}:
            self._account.happen(
                lambda cause: self._undo(refund, RefundStatus.FAILED, _FAILURE, cause)
            )

    def _charge_behind(self, params: Params) -> StripeCharge:
        if params.text("charge"):
            return find(self._account.charges, params.text("charge"), "charge", param="charge")
        intent_id = params.text("payment_intent")
        if not intent_id:
            raise InvalidParameter(
                "One of the following params should be provided for this request: "
                "payment_intent or charge.",
                code="parameter_missing",
            )
        intent = find(self._account.intents, intent_id, "payment_intent", param="payment_intent")
        if intent.charge is None or not intent.charge.is_captured:
            raise InvalidRequest(
                f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.",
                param="payment_intent",
            )
        return intent.charge

    def _enter(
        self, charge: StripeCharge, amount: int | None, reason: str, params: Params
    ) -> Refund:
        if charge.is_charged_back:
            raise InvalidRequest(
                f"Charge {charge.id} has been charged back; cannot issue a refund.",
                code="charge_disputed",
            )
        if charge.amount_refundable == 0:
            raise InvalidRequest(
                f"Charge {charge.id} has already been refunded.", code="charge_already_refunded"
            )
        if amount is not None and amount <= 0:
            raise InvalidParameter(
                "This value must be greater than or equal to 1.",
                code="parameter_invalid_integer",
                param="amount",
            )
        is_debit = isinstance(charge.instrument, BankAccount)
        metadata = params.metadata()
        refund = Refund(
            id=self._account.new_id("pyr" if is_debit else "re"),
            charge=charge,
            reference=metadata.get("refund", ""),
            amount=charge.amount_refundable if amount is None else amount,
            created=self._account.now,
            status=RefundStatus.PENDING if is_debit else RefundStatus.SUCCEEDED,
            reason=reason or None,
            metadata=metadata,
        )
        try:
            self._account.world.books.refund(refund)
        except RefundTooLarge as excess:
            raise InvalidRequest(
                f"Refund amount ({excess.requested}) is greater than unrefunded amount on charge "
                f"({excess.refundable})",
                param="amount",
            ) from None
        return refund

    def _undo(self, refund: Refund, status: RefundStatus, reason: str, cause: Cause) -> None:
        self._account.world.books.undo_refund(refund, status, reason=reason)
        if refund.failure_movement is not None:
            self._account.movements[refund.failure_movement.id] = refund.failure_movement
        self._tell_change(refund, cause)
        if status == RefundStatus.FAILED:
            self._tell(refund, "refund.failed", cause)

    def _tell_change(self, refund: Refund, cause: Cause) -> None:
        self._tell(refund, "charge.refund.updated", cause)
        self._tell(refund, "refund.updated", cause)

    def _tell(self, refund: Refund, event_type: str, cause: Cause) -> None:
        references = (refund.charge.reference, refund.reference)
        self._account.publish(cause, event_type, show_refund(refund), references=references)
