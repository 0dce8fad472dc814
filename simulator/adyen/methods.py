"""Payment methods: read out of a request, stored for a shopper, shown and deleted."""

from typing import Any

from simulator.adyen.account import Account
from simulator.adyen.errors import AdyenError
from simulator.adyen.fields import Fields, part, required, text
from simulator.adyen.records import StoredMethod
from simulator.instruments import BankAccount, Card, Instrument, InvalidIban, open_bank_account
from simulator.tokens import CARDS_BY_TOKEN


class Methods:
    """What shoppers pay with."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def read(self, fields: Fields) -> tuple[Instrument, StoredMethod | None]:
        """
        Return what a request pays with, and how it is stored if it is.

        :raises AdyenError: there is no such card, account or stored method
        """
        given = part(fields, "paymentMethod")
        stored_id = text(given, "storedPaymentMethodId")
        if stored_id:
            stored = self.get(stored_id, shopper=required(fields, "shopperReference"))
            return stored.instrument, stored
        if text(given, "type") == "networkToken":
            return self._redeem(given, part(fields, "mpiData")), None
        return _instrument_of(given), None

    def _redeem(self, given: Fields, proof: Fields) -> Instrument:
        """Ask the schemes whose card it is; a cryptogram is good for one charge."""
        cryptogram = required(proof, "tokenAuthenticationVerificationValue")
        card = self._account.world.network_tokens.redeem(required(given, "number"), cryptogram)
        if card is None:
            raise AdyenError("Invalid network token cryptogram", code="174")
        return card

    def store(self, fields: Fields) -> StoredMethod:
        """
        Keep a payment method for a shopper.

        :raises AdyenError: there is no such card or account
        """
        given = part(fields, "paymentMethod")
        return self.keep(
            _instrument_of(given),
            shopper=required(fields, "shopperReference"),
            token=token_of(given),
        )

    def keep(self, instrument: Instrument, *, shopper: str, token: str) -> StoredMethod:
        """Keep an instrument for a shopper."""
        stored = StoredMethod(
            id=self._account.new_reference(), shopper=shopper, instrument=instrument, token=token
        )
        self._account.stored[stored.id] = stored
        return stored

    def get(self, stored_id: str, *, shopper: str) -> StoredMethod:
        """
        Return a stored method.

        :raises AdyenError: this shopper has none of that id
        """
        stored = self._account.stored.get(stored_id)
        if stored is None or stored.shopper != shopper:
            raise AdyenError("PaymentDetail not found", code="800")
        return stored

    def of_shopper(self, shopper: str) -> list[StoredMethod]:
        """Return the shopper's stored methods, oldest first."""
        return [each for each in self._account.stored.values() if each.shopper == shopper]

    def delete(self, stored_id: str, *, shopper: str) -> None:
        """
        Forget a stored method; it cannot be charged any more.

        :raises AdyenError: this shopper has none of that id
        """
        del self._account.stored[self.get(stored_id, shopper=shopper).id]


def token_of(given: Fields) -> str:
    """Return what names the instrument in a request."""
    names = ("encryptedCard", "iban", "storedPaymentMethodId")
    return next((text(given, name) for name in names if text(given, name)), "")


def show_stored(stored: StoredMethod) -> dict[str, Any]:
    shown = {"id": stored.id, "shopperReference": stored.shopper}
    instrument = stored.instrument
    if isinstance(instrument, Card):
        return {
            **shown,
            "type": "scheme",
            "brand": {"mastercard": "mc"}.get(instrument.brand, instrument.brand),
            "lastFour": instrument.last4,
            "expiryMonth": str(instrument.exp_month),
            "expiryYear": str(instrument.exp_year),
        }
    return {**shown, "type": "sepadirectdebit", "iban": instrument.iban}


def _instrument_of(given: Fields) -> Instrument:
    if text(given, "type") == "sepadirectdebit":
        return _bank_of(required(given, "iban"))
    card = CARDS_BY_TOKEN.get(required(given, "encryptedCard"))
    if card is None:
        raise AdyenError("Unable to decrypt data", code="174")
    return card


def _bank_of(iban: str) -> BankAccount:
    try:
        return open_bank_account(iban)
    except InvalidIban:
        raise AdyenError("Invalid iban", code="161") from None
