"""Payment methods and customers: made from tokens and IBANs, attached, detached."""

import re
from typing import Any

from simulator.instruments import Card, Instrument, InvalidIban, open_bank_account
from simulator.stripe.account import Account, Cause, find
from simulator.stripe.errors import CardDeclined, InvalidParameter, InvalidRequest, ResourceMissing
from simulator.stripe.forms import Params
from simulator.stripe.method_objects import (
    complete_billing_details,
    show_customer,
    show_method,
)
from simulator.stripe.objects import show_decline
from simulator.stripe.records import Customer, PaymentMethod
from simulator.stripe.tokens import CARDS_BY_READY_METHOD, CARDS_BY_TOKEN

_TYPES = ("card", "sepa_debit")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Methods:
    """The payment methods and customers of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def create(self, params: Params) -> PaymentMethod:
        """
        Make a payment method of a card token or an IBAN.

        :raises InvalidParameter: no such type, or no IBAN
        :raises ResourceMissing: no such token
        """
        params.required_text("type")
        type_ = params.choice("type", _TYPES)
        details = params.part(type_)
        if type_ == "card":
            token = details.required_text("token")
            instrument = _card_behind(token)
        else:
            token = details.required_text("iban")
            instrument = _account_behind(token)
        return self._keep(
            instrument,
            token=token,
            billing_details=_read_billing_details(params),
            metadata=params.metadata(),
        )

    def get(self, reference: str, *, param: str = "payment_method") -> PaymentMethod:
        """
        Return a payment method; a ready-made one becomes a new one by being asked for.

        :raises ResourceMissing: there is none
        """
        card = CARDS_BY_READY_METHOD.get(reference)
        if card is not None:
            return self._keep(
                card, token=reference, billing_details=complete_billing_details({}), metadata={}
            )
        return find(self._account.methods, reference, "PaymentMethod", param=param)

    def attach(self, reference: str, customer_id: str, cause: Cause) -> PaymentMethod:
        """
        Tie a payment method to a customer; the bank is asked, and may decline.

        :raises CardDeclined: the bank said no
        :raises InvalidRequest: it belongs to another customer, or was used up
        """
        method = self.get(reference)
        customer = find(self._account.customers, customer_id, "customer", param="customer")
        if method.customer == customer.id:
            return method
        _check_free(method)
        card = method.card
        if card and card.decline and not card.can_be_saved:
            shown = show_decline(card.decline, charge="")
            raise CardDeclined(**shown)
        self.tie(method, customer.id, cause)
        return method

    def tie(self, method: PaymentMethod, customer_id: str, cause: Cause) -> None:
        """Note that the method belongs to the customer from now on."""
        method.customer = customer_id
        self._account.publish(cause, "payment_method.attached", show_method(method))

    def renew(self, method: PaymentMethod, card: Card) -> None:
        """Put the bank's new card in the place of the old one, and tell the merchant."""
        method.instrument = card
        self._account.happen(
            lambda cause: self._account.publish(
                cause, "payment_method.automatically_updated", show_method(method)
            )
        )

    def detach(self, reference: str, cause: Cause) -> PaymentMethod:
        """
        Untie a payment method for good.

        :raises InvalidRequest: it is not tied to anyone
        """
        method = self.get(reference)
        if method.customer is None:
            raise InvalidRequest(
                "The payment method you provided is not attached to a customer so detachment "
                "is impossible.",
                param="payment_method",
            )
        method.customer = None
        method.is_spent = True
        self._account.publish(cause, "payment_method.detached", show_method(method))
        return method

    def create_customer(self, params: Params, cause: Cause) -> Customer:
        """
        Make a customer, and attach the payment method that came along.

        :raises InvalidParameter: the e-mail address is none
        :raises CardDeclined: the bank refused to save the method
        """
        account = self._account
        customer = Customer(id=account.new_id("cus"), created=account.now)
        _change_customer(customer, params)
        account.customers[customer.id] = customer
        if params.text("payment_method"):
            self.attach(params.text("payment_method"), customer.id, cause)
        account.publish(cause, "customer.created", show_customer(customer))
        return customer

    def update_customer(self, reference: str, params: Params, cause: Cause) -> Customer:
        """
        Change what was sent along.

        :raises InvalidParameter: the e-mail address is none
        """
        customer = find(self._account.customers, reference, "customer")
        _change_customer(customer, params)
        self._account.publish(cause, "customer.updated", show_customer(customer))
        return customer

    def delete_customer(self, reference: str, cause: Cause) -> Customer:
        """
        Delete a customer; its payment methods are detached.

        :raises ResourceMissing: there is none
        """
        customer = find(self._account.customers, reference, "customer")
        del self._account.customers[reference]
        for method in self.of_customer(reference):
            method.customer = None
            method.is_spent = True
        self._account.publish(cause, "customer.deleted", show_customer(customer))
        return customer

    def of_customer(self, customer_id: str) -> list[PaymentMethod]:
        """Return the customer's payment methods, oldest first."""
        return [each for each in self._account.methods.values() if each.customer == customer_id]

    def _keep(
        self,
        instrument: Instrument,
        *,
        token: str,
        billing_details: dict[str, Any],
        metadata: dict[str, str],
    ) -> PaymentMethod:
        method = PaymentMethod(
            id=self._account.new_id("pm"),
            created=self._account.now,
            instrument=instrument,
            token=token,
            billing_details=billing_details,
            metadata=metadata,
        )
        self._account.methods[method.id] = method
        return method


def check_chargeable(method: PaymentMethod, customer_id: str | None) -> None:
    """
    Refuse a payment method that may not be used for this customer.

    :raises ResourceMissing: it belongs to somebody else
    :raises InvalidRequest: it belongs to a customer who was not named, or was used up
    """
    if method.customer is None:
        _check_free(method)
    elif customer_id is None:
        raise InvalidRequest(
            "The payment method you provided is attached to a customer, so the customer must be "
            "named with it.",
            param="payment_method",
        )
    elif method.customer != customer_id:
        raise ResourceMissing("PaymentMethod", method.id, param="payment_method")


def _check_free(method: PaymentMethod) -> None:
    if method.is_spent:
        raise InvalidRequest(
            "This PaymentMethod was previously used without being attached to a Customer or was "
            "detached from a Customer, and may not be used again.",
            param="payment_method",
        )
    if method.customer is not None:
        raise InvalidRequest(
            "The payment method you provided has already been attached to a customer.",
            param="payment_method",
        )


def _card_behind(token: str) -> Instrument:
    card = CARDS_BY_TOKEN.get(token)
    if card is None:
        raise ResourceMissing("token", token, param="card[token]")
    return card


def _account_behind(iban: str) -> Instrument:
    try:
        return open_bank_account(iban)
    except InvalidIban:
        raise InvalidParameter(
            "The IBAN you provided is invalid.",
            code="invalid_bank_account_iban",
            param="sepa_debit[iban]",
        ) from None


def _read_billing_details(params: Params) -> dict[str, Any]:
    given = params.part("billing_details")
    given.check_known(frozenset({"address", "email", "name", "phone", "tax_id"}))
    address = given.part("address")
    address.check_known(frozenset({"city", "country", "line1", "line2", "postal_code", "state"}))
    texts = {name: given.text(name) or None for name in given.values if name != "address"}
    lines = {name: address.text(name) or None for name in address.values}
    return complete_billing_details({**texts, "address": lines})


def _change_customer(customer: Customer, params: Params) -> None:
    email = params.text("email")
    if email and not _EMAIL.fullmatch(email):
        raise InvalidParameter(
            f"Invalid email address: {email}", code="email_invalid", param="email"
        )
    for name in ("email", "name", "phone", "description"):
        if params.has(name):
            setattr(customer, name, params.text(name) or None)
    customer.metadata = params.metadata(customer.metadata)
