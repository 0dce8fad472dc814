"""Payment intents: created, changed, confirmed, captured, cancelled."""

import re
from typing import Any

from simulator.books import CaptureTooLarge, HoldTooLarge
from simulator.instruments import INSUFFICIENT_FUNDS
from simulator.stripe.account import Account, Cause, find
from simulator.stripe.authentication import REQUESTS
from simulator.stripe.charging import Charging
from simulator.stripe.errors import CardDeclined, InvalidParameter, InvalidRequest, unexpected_state
from simulator.stripe.forms import Params
from simulator.stripe.methods import Methods, check_chargeable
from simulator.stripe.objects import show_decline, show_intent
from simulator.stripe.records import Intent, IntentStatus

_MAX_AMOUNT = 99_999_999
# Stripe's lower limits for the currencies that the tests pay in; elsewhere one unit will do.
_MIN_AMOUNTS = {"eur": 50, "usd": 50, "gbp": 30, "jpy": 50, "chf": 50, "sek": 300, "pln": 200}
_SUFFIX = re.compile(r"[^<>\\'\"*]{1,22}")

_CONFIRMABLE = {
    IntentStatus.REQUIRES_PAYMENT_METHOD,
    IntentStatus.REQUIRES_CONFIRMATION,
    IntentStatus.REQUIRES_ACTION,
}
_CANCELABLE = _CONFIRMABLE | {IntentStatus.REQUIRES_CAPTURE}
_INCREMENTS = ("if_available", "never")
_CANCELLATION_REASONS = (
    "",
    "duplicate",
    "fraudulent",
    "requested_by_customer",
    "abandoned",
)


class Intents:
    """The payment intents of one account."""

    def __init__(self, account: Account, methods: Methods, charging: Charging) -> None:
        self._account = account
        self._methods = methods
        self._charging = charging

    def create(self, params: Params, cause: Cause, *, amount_off: int) -> Intent:
        """
        Create an intent, and confirm it when asked to.

        `amount_off` is added to the amount: a fault on request.

        :raises InvalidParameter: a value is none
        :raises CardDeclined: the confirmation was declined
        """
        account = self._account
        currency = params.currency()
        amount = _check_amount(params.required_integer("amount"), currency)
        intent_id = account.new_id("pi")
        intent = Intent(
            id=intent_id,
            created=account.now,
            amount=amount + amount_off,
            currency=currency,
            client_secret=f"{intent_id}_secret_{account.world.ids.random_text(24)}",
            capture_method=params.choice(
                "capture_method", ("automatic_async", "automatic", "manual")
            ),
            allowed_types=tuple(params.texts("allowed_payment_method_types")),
        )
        is_confirmed = params.boolean("confirm")
        self._change(intent, params)
        self._take_method(intent, params)
        account.intents[intent.id] = intent
        self._charging.tell(intent, "payment_intent.created", cause)
        if is_confirmed:
            self._charging.take(intent, params, cause)
        return intent

    def update(self, reference: str, params: Params) -> Intent:
        """
        Change an intent that has not been confirmed.

        :raises InvalidRequest: it is too late
        """
        intent = self.get(reference)
        if intent.status not in _CONFIRMABLE:
            raise _unexpected(intent, "updated")
        if params.has("currency"):
            intent.currency = params.currency()
        if params.has("amount"):
            intent.amount = _check_amount(params.required_integer("amount"), intent.currency)
        self._change(intent, params)
        self._take_method(intent, params)
        return intent

    def confirm(self, reference: str, params: Params, cause: Cause, *, amount_off: int) -> Intent:
        """
        Try to take the money.

        :raises InvalidRequest: the status does not allow it, or something is missing
        :raises CardDeclined: the bank, or the fraud check, said no
        """
        intent = self.get(reference)
        if intent.status not in _CONFIRMABLE:
            raise _unexpected(intent, "confirmed")
        intent.amount += amount_off
        self._change(intent, params)
        self._take_method(intent, params)
        self._charging.take(intent, params, cause)
        return intent

    def capture(self, reference: str, params: Params, cause: Cause, *, amount_off: int) -> Intent:
        """
        Take what is held, or part of it; the rest is released.

        :raises InvalidRequest: nothing is held, or less than asked for
        """
        intent = self.get(reference)
        charge = intent.charge
        if intent.status != IntentStatus.REQUIRES_CAPTURE or charge is None:
            raise _unexpected(intent, "captured")
        asked = params.integer("amount_to_capture")
        amount = charge.amount if asked is None else asked
        if amount <= 0:
            raise InvalidParameter(
                "This value must be greater than or equal to 1.",
                code="parameter_invalid_integer",
                param="amount_to_capture",
            )
        intent.metadata = params.metadata(intent.metadata)
        self._account.index(intent)
        try:
            # The fault may not take more than is held, so it takes less.
            self._account.world.books.capture(charge, amount=max(amount - amount_off, 1))
        except CaptureTooLarge:
            raise InvalidRequest(
                f"The amount to capture is greater than the amount authorized ({charge.amount}).",
                code="amount_too_large",
                param="amount_to_capture",
            ) from None
        self._charging.settle(intent, charge, cause, "charge.captured")
        return intent

    def increment(self, reference: str, params: Params, cause: Cause) -> Intent:
        """
        Hold more; the bank is asked, and may decline, which leaves what is held.

        :raises InvalidRequest: nothing is held that can grow
        :raises CardDeclined: the bank said no
        """
        intent = self.get(reference)
        charge = intent.charge
        is_held = intent.status == IntentStatus.REQUIRES_CAPTURE and intent.can_increment
        if not is_held or charge is None:
            raise _unexpected(intent, "incremented")
        amount = _check_amount(params.required_integer("amount"), intent.currency)
        if amount <= intent.amount:
            raise InvalidParameter(
                "The amount must be greater than the amount currently authorized.",
                code="amount_too_small",
                param="amount",
            )
        intent.metadata = params.metadata(intent.metadata)
        try:
            self._account.world.books.raise_hold(charge, amount=amount)
        except HoldTooLarge:
            raise CardDeclined(**show_decline(INSUFFICIENT_FUNDS, charge=charge.id)) from None
        intent.amount = amount
        self._charging.tell(intent, "payment_intent.amount_capturable_updated", cause)
        return intent

    def cancel(self, reference: str, params: Params, cause: Cause) -> Intent:
        """
        Stop a payment that has not moved money, and release what is held.

        :raises InvalidRequest: it is too late
        """
        intent = self.get(reference)
        if intent.status not in _CANCELABLE:
            raise _unexpected(intent, "canceled")
        reason = params.choice("cancellation_reason", _CANCELLATION_REASONS)
        self._charging.release(intent, reason, cause)
        return intent

    def get(self, reference: str, *, param: str = "intent") -> Intent:
        """
        Return an intent.

        :raises ResourceMissing: there is none
        """
        return find(self._account.intents, reference, "payment_intent", param=param)

    def _change(self, intent: Intent, params: Params) -> None:
        for name in ("description", "receipt_email", "setup_future_usage", "transfer_group"):
            if params.has(name):
                setattr(intent, name, params.text(name) or None)
        if params.has("shipping"):
            intent.shipping = _shipping_of(params.part("shipping"))
        if params.text("customer"):
            customer = params.text("customer")
            find(self._account.customers, customer, "customer", param="customer")
            intent.customer = customer
        self._change_descriptor(intent, params)
        intent.metadata = params.metadata(intent.metadata)
        self._account.index(intent)
        card_options = params.part("payment_method_options").part("card")
        if card_options.has("request_three_d_secure"):
            intent.request_three_d_secure = card_options.choice("request_three_d_secure", REQUESTS)
        if card_options.has("request_incremental_authorization"):
            wish = card_options.choice("request_incremental_authorization", _INCREMENTS)
            intent.can_increment = wish == "if_available"

    def _change_descriptor(self, intent: Intent, params: Params) -> None:
        for name in ("statement_descriptor", "statement_descriptor_suffix"):
            text = params.text(name)
            if text and not _SUFFIX.fullmatch(text):
                raise InvalidParameter(
                    "The statement descriptor must be at most 22 characters, without < > \\ ' \" *",
                    param=name,
                )
            if params.has(name):
                setattr(intent, name, text or None)

    def _take_method(self, intent: Intent, params: Params) -> None:
        if params.has("payment_method_data"):
            method = self._methods.create(params.part("payment_method_data"))
        elif params.text("payment_method"):
            method = self._methods.get(params.text("payment_method"))
        else:
            return
        check_chargeable(method, intent.customer)
        intent.method = method
        if intent.status == IntentStatus.REQUIRES_PAYMENT_METHOD:
            intent.status = IntentStatus.REQUIRES_CONFIRMATION


def _check_amount(amount: int, currency: str) -> int:
    if amount > _MAX_AMOUNT:
        raise InvalidParameter(
            "Amount must be no more than 99999999.", code="amount_too_large", param="amount"
        )
    if amount <= 0:
        raise InvalidParameter(
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param="amount",
        )
    minimum = _MIN_AMOUNTS.get(currency, 1)
    if amount < minimum:
        raise InvalidParameter(
            f"Amount must be at least {minimum} {currency}.",
            code="amount_too_small",
            param="amount",
        )
    return amount


def _unexpected(intent: Intent, action: str) -> InvalidRequest:
    return unexpected_state(
        "payment_intent",
        f"This PaymentIntent could not be {action} because it has a status of {intent.status}.",
        show_intent(intent),
    )


def _shipping_of(params: Params) -> dict[str, Any]:
    """
    Return where the goods go.

    :raises InvalidParameter: the name or the street is missing
    """
    address = params.part("address")
    if not (params.text("name") and address.text("line1")):
        raise InvalidParameter("Missing required param: shipping.", param="shipping")
    parts = ("city", "country", "line1", "line2", "postal_code", "state")
    return {
        "address": {part: address.text(part) or None for part in parts},
        "carrier": params.text("carrier") or None,
        "name": params.text("name"),
        "phone": params.text("phone") or None,
        "tracking_number": params.text("tracking_number") or None,
    }
