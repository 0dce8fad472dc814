"""Takes the money of an intent: asks the payer and the bank, and hears what they say."""

from typing import Any
from urllib.parse import urlencode

from simulator.books import ChargeStatus
from simulator.instruments import AUTHENTICATION_REQUIRED, BLOCKED_AS_FRAUD, BankAccount, Decline
from simulator.stripe.account import PSP, Account, Cause
from simulator.stripe.authentication import CHALLENGED, judge
from simulator.stripe.disputes import Disputes
from simulator.stripe.errors import CardDeclined, InvalidRequest, unexpected_state
from simulator.stripe.forms import Params
from simulator.stripe.method_objects import show_method
from simulator.stripe.methods import Methods
from simulator.stripe.objects import show_charge, show_decline, show_intent
from simulator.stripe.records import (
    Authenticated,
    Intent,
    IntentStatus,
    PaymentMethod,
    StripeCharge,
)
from simulator.three_ds import Challenge, ChallengeOutcome

METHOD_TYPES = ("card", "sepa_debit")
_OFF_SESSION = {"true", "one_off", "recurring"}
_MESSAGE_NOT_AUTHENTICATED = (
    "We are unable to authenticate your payment method. Please choose a different payment method "
    "and try again."
)


class Charging:
    """What happens between an intent's confirmation and its end."""

    def __init__(self, account: Account, methods: Methods, disputes: Disputes) -> None:
        self._account = account
        self._disputes = disputes
        self._methods = methods

    def take(self, intent: Intent, params: Params, cause: Cause) -> None:
        """
        Try to take the money of an intent that is complete.

        :raises InvalidRequest: something is missing, or does not fit
        :raises CardDeclined: the bank, or the fraud check, said no
        """
        method = intent.method
        if method is None:
            raise unexpected_state(
                "payment_intent",
                "You cannot confirm this PaymentIntent because it's missing a payment method.",
                show_intent(intent),
            )
        intent.is_off_session = params.text("off_session") in _OFF_SESSION
        intent.return_url = params.text("return_url") or intent.return_url
        self._check_type(intent, method, params)
        intent.shown_error = None
        verdict = judge(
            method, is_off_session=intent.is_off_session, request=intent.request_three_d_secure
        )
        if not verdict.needs_payer:
            self._charge(intent, method, verdict.authenticated, cause)
        elif intent.is_off_session:
            charge = self._enter_charge(intent, method, None, ChargeStatus.FAILED)
            self._decline(intent, charge, AUTHENTICATION_REQUIRED, cause)
        else:
            self._ask_payer(intent, method, cause)
        if intent.status == IntentStatus.REQUIRES_PAYMENT_METHOD and intent.shown_error:
            raise CardDeclined(**intent.shown_error, payment_intent=show_intent(intent))

    def settle(self, intent: Intent, charge: StripeCharge, cause: Cause, charge_event: str) -> None:
        """Note that the money was taken."""
        if charge.movement is not None:
            self._account.movements[charge.movement.id] = charge.movement
        intent.status = IntentStatus.SUCCEEDED
        self._account.publish(cause, charge_event, show_charge(charge), charge=charge)
        self.tell(intent, "payment_intent.succeeded", cause)
        self._disputes.watch(charge)

    def settle_debit(self, intent: Intent, *, decline: Decline | None) -> None:
        """Hear from the bank how a debit ended; later words about it change nothing."""
        charge = intent.charge
        if intent.status != IntentStatus.PROCESSING or charge is None:
            return

        def end(cause: Cause) -> None:
            if decline is not None:
                self._decline(intent, charge, decline, cause)
                return
            self._account.world.books.capture(charge, amount=charge.amount)
            self.settle(intent, charge, cause, "charge.succeeded")

        self._account.happen(end)

    def finish_challenge(self, intent: Intent, outcome: ChallengeOutcome) -> None:
        """Hear from the bank's page what the payer did."""
        if intent.status == IntentStatus.REQUIRES_ACTION:
            self._account.happen(lambda cause: self._finish_challenge(intent, outcome, cause))

    def expire_authorization(self, intent: Intent) -> None:
        """Release a hold whose time is over."""
        if intent.status == IntentStatus.REQUIRES_CAPTURE:
            self._account.happen(lambda cause: self.release(intent, "automatic", cause))

    def release(self, intent: Intent, reason: str, cause: Cause) -> None:
        """End an intent that has not moved money, and let go of what is held."""
        charge = intent.charge
        if intent.status == IntentStatus.REQUIRES_CAPTURE and charge is not None:
            self._account.world.books.void(charge)
            self._account.publish(cause, "charge.refunded", show_charge(charge), charge=charge)
        intent.status = IntentStatus.CANCELED
        intent.canceled_at = self._account.now
        intent.cancellation_reason = reason or None
        self.tell(intent, "payment_intent.canceled", cause)

    def tell(self, intent: Intent, event_type: str, cause: Cause) -> None:
        """Publish an event about the intent."""
        self._account.publish(
            cause, event_type, show_intent(intent), references=references_of(intent)
        )

    def _finish_challenge(self, intent: Intent, outcome: ChallengeOutcome, cause: Cause) -> None:
        if outcome == ChallengeOutcome.APPROVE:
            self._charge(intent, _method_of(intent), CHALLENGED, cause)
            return
        error = {
            "code": "payment_intent_authentication_failure",
            "doc_url": "https://stripe.com/docs/error-codes/payment-intent-authentication-failure",
            "message": _MESSAGE_NOT_AUTHENTICATED,
            "payment_method": show_method(_method_of(intent)),
            "type": "invalid_request_error",
        }
        self._fail(intent, error, cause)

    def _check_type(self, intent: Intent, method: PaymentMethod, params: Params) -> None:
        if method.type not in (intent.allowed_types or METHOD_TYPES):
            raise InvalidRequest(
                f"The PaymentMethod provided ({method.type}) is not allowed for this "
                "PaymentIntent.",
                param="payment_method",
            )
        if method.card:
            if intent.statement_descriptor:
                raise InvalidRequest(
                    "The `statement_descriptor` parameter is not supported for card payments. "
                    "Use `statement_descriptor_suffix` instead.",
                    param="statement_descriptor",
                )
            return
        if intent.currency != "eur":
            raise InvalidRequest(
                f"The currency provided ({intent.currency}) is invalid for sepa_debit: eur only.",
                param="currency",
            )
        if params.has("mandate_data") and method.mandate is None:
            method.mandate = self._account.new_id("mandate")
        if method.mandate is None:
            raise InvalidRequest(
                "This PaymentIntent requires a mandate, but no existing mandate was found. "
                "Collect mandate acceptance from the customer and provide `mandate_data`.",
                code="payment_intent_mandate_invalid",
                param="mandate_data",
            )

    def _ask_payer(self, intent: Intent, method: PaymentMethod, cause: Cause) -> None:
        card = method.card
        last4 = card.last4 if card else ""
        challenge = Challenge(
            text=(
                f"Pay {intent.amount} minor units of {intent.currency.upper()} "
                f"with the card ending in {last4}?"
            ),
            return_url=return_url_of(
                intent.return_url,
                payment_intent=intent.id,
                payment_intent_client_secret=intent.client_secret,
            ),
            finish=lambda outcome: self.finish_challenge(intent, outcome),
        )
        intent.status = IntentStatus.REQUIRES_ACTION
        intent.action_url = self._account.world.challenges.open(challenge)
        self.tell(intent, "payment_intent.requires_action", cause)

    def _charge(
        self,
        intent: Intent,
        method: PaymentMethod,
        authenticated: Authenticated | None,
        cause: Cause,
    ) -> None:
        decline = _decline_at_once(method)
        if decline is not None:
            charge = self._enter_charge(intent, method, authenticated, ChargeStatus.FAILED)
            self._decline(intent, charge, decline, cause)
            return
        if isinstance(method.instrument, BankAccount):
            self._start_debit(intent, method, method.instrument, cause)
        else:
            charge = self._enter_charge(intent, method, authenticated, ChargeStatus.AUTHORIZED)
            self._finish_card(intent, charge, cause)
        self._use_up(intent, method, authenticated, cause)

    def _start_debit(
        self, intent: Intent, method: PaymentMethod, bank: BankAccount, cause: Cause
    ) -> None:
        self._enter_charge(intent, method, None, ChargeStatus.PENDING)
        intent.status = IntentStatus.PROCESSING
        self.tell(intent, "payment_intent.processing", cause)
        self._account.world.agenda.after(
            self._account.world.settings.debit_delay,
            lambda: self.settle_debit(intent, decline=bank.decline),
        )

    def _finish_card(self, intent: Intent, charge: StripeCharge, cause: Cause) -> None:
        world = self._account.world
        if intent.capture_method != "manual":
            world.books.capture(charge, amount=charge.amount)
            self.settle(intent, charge, cause, "charge.succeeded")
            return
        lifetime = world.settings.authorization_lifetime
        charge.expires_at = int(world.clock.now() + lifetime)
        intent.status = IntentStatus.REQUIRES_CAPTURE
        self._account.publish(cause, "charge.succeeded", show_charge(charge), charge=charge)
        self.tell(intent, "payment_intent.amount_capturable_updated", cause)
        world.agenda.after(lifetime, lambda: self.expire_authorization(intent))

    def _use_up(
        self,
        intent: Intent,
        method: PaymentMethod,
        authenticated: Authenticated | None,
        cause: Cause,
    ) -> None:
        """Keep the method for later when asked to; without a customer it is gone with its use."""
        if intent.setup_future_usage and intent.customer:
            if method.customer is None:
                self._methods.tie(method, intent.customer, cause)
            method.is_set_up = method.is_set_up or authenticated == CHALLENGED
        if method.customer is None:
            method.is_spent = True

    def _decline(
        self, intent: Intent, charge: StripeCharge, decline: Decline, cause: Cause
    ) -> None:
        self._account.world.books.fail(charge, decline)
        self._account.publish(cause, "charge.failed", show_charge(charge), charge=charge)
        error = show_decline(decline, charge=charge.id)
        self._fail(intent, {**error, "payment_method": show_method(charge.method)}, cause)

    def _fail(self, intent: Intent, error: dict[str, Any], cause: Cause) -> None:
        intent.status = IntentStatus.REQUIRES_PAYMENT_METHOD
        intent.method = None
        intent.shown_error = error
        self.tell(intent, "payment_intent.payment_failed", cause)

    def _enter_charge(
        self,
        intent: Intent,
        method: PaymentMethod,
        authenticated: Authenticated | None,
        status: ChargeStatus,
    ) -> StripeCharge:
        charge = StripeCharge(
            id=self._account.new_id("ch" if method.card else "py"),
            psp=PSP,
            payment=intent.id,
            reference=intent.metadata.get("intent", ""),
            attempt=intent.metadata.get("attempt", ""),
            amount=intent.amount,
            currency=intent.currency,
            created=self._account.now,
            instrument=method.instrument,
            status=status,
            method=method,
            customer=intent.customer,
            metadata=dict(intent.metadata),
            description=intent.description,
            statement_descriptor_suffix=intent.statement_descriptor_suffix,
            authenticated=authenticated,
        )
        self._account.world.books.enter(charge)
        self._account.charges[charge.id] = charge
        intent.charge = charge
        return charge


def references_of(intent: Intent) -> tuple[str, ...]:
    """Return the platform's ids that came along, the intent's first."""
    known = (intent.metadata.get("intent"), intent.metadata.get("attempt"))
    return tuple(each for each in known if each)


def return_url_of(url: str, **query: str) -> str:
    """Return the address to send the browser to, with what Stripe adds to it."""
    if not url:
        return ""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _method_of(intent: Intent) -> PaymentMethod:
    if intent.method is None:
        raise LookupError(f"{intent.id} was confirmed without a payment method")
    return intent.method


def _decline_at_once(method: PaymentMethod) -> Decline | None:
    card = method.card
    if card is None:
        return None
    return BLOCKED_AS_FRAUD if card.risk.is_blocked else card.decline
