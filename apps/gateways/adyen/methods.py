"""Stored payment methods: Adyen's shape of them, and our tokens. No I/O."""

from collections.abc import Mapping

from apps.gateways.adyen.facts import Object, Unreadable, text_of
from apps.gateways.adyen.fold import BRANDS, join_token
from apps.gateways.base import MethodDetails, StoredMethod
from apps.gateways.errors import GatewayRejected


def read_stored(stored: Object) -> StoredMethod:
    """
    Return a stored payment method.

    :raises Unreadable: a field is missing
    """
    stored_id, shopper = text_of(stored, "id"), text_of(stored, "shopperReference")
    if not stored_id or not shopper:
        raise Unreadable("id or shopper is missing")
    return StoredMethod(token=join_token(shopper, stored_id), details=_details_of(stored))


def read_stored_list(answer: Object) -> list[StoredMethod]:
    """
    Return a shopper's stored payment methods.

    :raises Unreadable: it is no list of them
    """
    kept = answer.get("storedPaymentMethods", [])
    if not isinstance(kept, list) or not all(isinstance(each, Mapping) for each in kept):
        raise Unreadable("not a list of objects")
    shopper = text_of(answer, "shopperReference")
    return [read_stored({"shopperReference": shopper, **each}) for each in kept]


def split_token(token: str) -> tuple[str, str]:
    """
    Return the shopper's reference and Adyen's id of what is stored.

    :raises GatewayRejected: it is no token of a stored method
    """
    shopper, _, stored = token.rpartition("/")
    if not shopper or not stored:
        raise GatewayRejected("refused here: not the token of a stored method")
    return shopper, stored


def _details_of(stored: Object) -> MethodDetails:
    iban = text_of(stored, "iban")
    if iban:
        return MethodDetails(type="sepa_debit", last4=iban[-4:], country=iban[:2])
    month, year = text_of(stored, "expiryMonth"), text_of(stored, "expiryYear")
    brand = text_of(stored, "brand")
    return MethodDetails(
        brand=BRANDS.get(brand, brand),
        last4=text_of(stored, "lastFour"),
        exp_month=int(month) if month.isdigit() else 0,
        exp_year=int(year) if year.isdigit() else 0,
    )
