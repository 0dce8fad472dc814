"""Payments: asked for, challenged, authorised, and what the notifications say about them."""

from urllib.parse import urlencode

from simulator.adyen.account import PSP, Account, Cause, Item
from simulator.adyen.disputes import Disputes
from simulator.adyen.errors import AdyenError
from simulator.adyen.fields import Fields, amount, part, required, text
from simulator.adyen.methods import Methods, token_of
from simulator.adyen.objects import show_details
from simulator.adyen.records import Payment, ResultCode
from simulator.adyen.refusals import (
    AUTHENTICATION_REQUIRED,
    BLOCKED_AS_FRAUD,
    NOT_AUTHENTICATED,
    SHOPPER_CANCELLED,
    Refusal,
    refusal_for,
)
from simulator.books import Charge, ChargeStatus
from simulator.instruments import DEBIT_FAILED, Authentication, Card, Decline
from simulator.three_ds import Challenge, ChallengeOutcome

_CHALLENGING = {Authentication.UNLESS_SET_UP, Authentication.ALWAYS}


class Payments:
    """The payments of one merchant account."""

    def __init__(self, account: Account, methods: Methods, disputes: Disputes) -> None:
        self._account = account
        self._methods = methods
        self._disputes = disputes

    def create(self, fields: Fields, cause: Cause, *, amount_off: int) -> Payment:
        """
        Try to take money; a bank's no is a result. `amount_off` is a fault on request.

        :raises AdyenError: something is missing, or makes no sense
        """
        value, currency = amount(fields)
        instrument, stored = self._methods.read(fields)
        payment = Payment(
            psp_reference=cause.psp_reference,
            reference=required(fields, "reference"),
            order_reference=text(fields, "merchantOrderReference"),
            amount=value + amount_off,
            currency=currency,
            instrument=instrument,
            is_manual=text(part(fields, "additionalData"), "manualCapture") == "true",
            return_url=text(fields, "returnUrl"),
            metadata=dict(part(fields, "metadata")),
            stored=stored,
            token=token_of(part(fields, "paymentMethod")),
        )
        if fields.get("storePaymentMethod") is True:
            payment.shopper_to_keep_for = required(fields, "shopperReference")
        if payment.bank and currency != "eur":
            raise AdyenError("Unsupported currency specified", code="138")
        self._account.payments[payment.psp_reference] = payment
        self._decide(payment, fields, cause)
        return payment

    def tell_result(self, fields: Fields) -> Payment:
        """
        Return the payment behind what the payer brought back from the bank's page.

        :raises AdyenError: there is none, or the payer never answered
        """
        result = required(part(fields, "details"), "redirectResult")
        for payment in self._account.payments.values():
            if payment.redirect_result == result:
                if payment.result == ResultCode.REDIRECT_SHOPPER:
                    raise AdyenError("The payment was not completed", code="14_0005")
                return payment
        raise AdyenError("Invalid payload provided", code="14_002")

    def settle_debit(self, payment: Payment, *, decline: Decline | None) -> None:
        """Hear from the bank how a debit ended; later words about it change nothing."""
        charge = payment.charge
        if charge is None or charge.status != ChargeStatus.PENDING:
            return

        def end(cause: Cause) -> None:
            if decline is None:
                self._account.world.books.capture(charge, amount=charge.amount)
                payment.result = ResultCode.AUTHORISED
                self.notify_authorisation(payment, cause)
            else:
                self._refuse(payment, refusal_for(decline), decline, cause)

        self._account.happen(end)

    def fail_debit(self, payment: Payment) -> None:
        """Let the bank send a debit back."""
        self.settle_debit(payment, decline=DEBIT_FAILED)

    def expire(self, payment: Payment) -> None:
        """Release a hold whose time is over."""
        charge = payment.charge
        if charge is None or charge.status != ChargeStatus.AUTHORIZED:
            return

        def end(cause: Cause) -> None:
            self._account.world.books.void(charge)
            self._notify(payment, cause, "EXPIRE", psp_reference=cause.psp_reference)

        self._account.happen(end)

    def finish_challenge(self, payment: Payment, outcome: ChallengeOutcome) -> None:
        """Hear from the bank's page what the payer did."""
        if payment.result != ResultCode.REDIRECT_SHOPPER:
            return

        def end(cause: Cause) -> None:
            if outcome == ChallengeOutcome.APPROVE:
                payment.is_authenticated = True
                self._ask_bank(payment, cause)
            else:
                cancelled = outcome == ChallengeOutcome.CANCEL
                refusal = SHOPPER_CANCELLED if cancelled else NOT_AUTHENTICATED
                self._refuse(payment, refusal, Decline(), cause)
                payment.result = ResultCode.CANCELLED if cancelled else ResultCode.REFUSED

        self._account.happen(end)

    def notify_authorisation(self, payment: Payment, cause: Cause) -> None:
        """Tell how the bank decided."""
        refusal = payment.refusal
        self._account.notify(
            cause,
            Item(
                code="AUTHORISATION",
                psp_reference=payment.psp_reference,
                payment=payment,
                reference=payment.reference,
                amount=payment.amount,
                success=refusal is None,
                reason=refusal.reason if refusal else "",
                details=show_details(payment),
            ),
        )

    def _notify(self, payment: Payment, cause: Cause, code: str, *, psp_reference: str) -> None:
        self._account.notify(
            cause,
            Item(
                code=code,
                psp_reference=psp_reference,
                payment=payment,
                reference=payment.reference,
                amount=payment.amount,
            ),
        )

    def _decide(self, payment: Payment, fields: Fields, cause: Cause) -> None:
        card = payment.card
        if card is None:
            self._start_debit(payment)
        elif text(fields, "shopperInteraction") == "ContAuth":
            self._charge_absent(payment, card, cause)
        elif card.authentication in _CHALLENGING:
            self._ask_payer(payment, card)
        else:
            wish = text(
                part(part(fields, "authenticationData"), "threeDSRequestData"), "challengeIndicator"
            )
            asked = wish or text(part(fields, "authenticationData"), "attemptAuthentication")
            is_asked = card.authentication == Authentication.FRICTIONLESS or asked == "always"
            payment.is_authenticated = is_asked
            self._ask_bank(payment, cause)

    def _charge_absent(self, payment: Payment, card: Card, cause: Cause) -> None:
        if card.authentication == Authentication.ALWAYS:
            self._refuse(payment, AUTHENTICATION_REQUIRED, Decline(network_code="1A"), cause)
        else:
            self._ask_bank(payment, cause)

    def _start_debit(self, payment: Payment) -> None:
        payment.result = ResultCode.RECEIVED
        self._enter(payment, ChargeStatus.PENDING)
        bank = payment.bank
        decline = bank.decline if bank else None
        world = self._account.world
        world.agenda.after(
            world.settings.debit_delay, lambda: self.settle_debit(payment, decline=decline)
        )

    def _ask_payer(self, payment: Payment, card: Card) -> None:
        payment.result = ResultCode.REDIRECT_SHOPPER
        payment.redirect_result = self._account.world.ids.new("redirect")
        query = urlencode({"redirectResult": payment.redirect_result})
        glue = "&" if "?" in payment.return_url else "?"
        challenge = Challenge(
            text=(
                f"Pay {payment.amount} minor units of {payment.currency.upper()} "
                f"with the card ending in {card.last4}?"
            ),
            return_url=f"{payment.return_url}{glue}{query}" if payment.return_url else "",
            finish=lambda outcome: self.finish_challenge(payment, outcome),
        )
        payment.action_url = self._account.world.challenges.open(challenge)

    def _ask_bank(self, payment: Payment, cause: Cause) -> None:
        card = payment.card
        if card and card.risk.is_blocked:
            self._refuse(payment, BLOCKED_AS_FRAUD, Decline(), cause)
        elif card and card.decline:
            self._refuse(payment, refusal_for(card.decline), card.decline, cause)
        else:
            self._authorise(payment, cause)

    def _authorise(self, payment: Payment, cause: Cause) -> None:
        world = self._account.world
        payment.result = ResultCode.AUTHORISED
        if payment.amount == 0:
            # The card was verified: nothing is held, and no books have an entry of nothing.
            self.notify_authorisation(payment, cause)
            return
        charge = self._enter(payment, ChargeStatus.AUTHORIZED)
        if payment.is_manual:
            lifetime = world.settings.authorization_lifetime
            charge.expires_at = int(world.clock.now() + lifetime)
            world.agenda.after(lifetime, lambda: self.expire(payment))
        else:
            world.books.capture(charge, amount=charge.amount)
            self._disputes.watch(payment)
        self.notify_authorisation(payment, cause)

    def _refuse(self, payment: Payment, refusal: Refusal, decline: Decline, cause: Cause) -> None:
        payment.result = ResultCode.REFUSED
        payment.refusal = refusal
        charge = payment.charge or self._enter(payment, ChargeStatus.FAILED)
        self._account.world.books.fail(charge, decline)
        self.notify_authorisation(payment, cause)

    def _enter(self, payment: Payment, status: ChargeStatus) -> Charge:
        charge = Charge(
            id=payment.psp_reference,
            psp=PSP,
            payment=payment.psp_reference,
            reference=payment.order_reference,
            attempt=payment.reference,
            amount=payment.amount,
            currency=payment.currency,
            created=int(self._account.world.clock.now()),
            instrument=payment.instrument,
            status=status,
        )
        self._account.world.books.enter(charge)
        payment.charge = charge
        if payment.shopper_to_keep_for and status != ChargeStatus.FAILED:
            payment.stored = self._methods.keep(
                payment.instrument, shopper=payment.shopper_to_keep_for, token=payment.token
            )
        return charge
