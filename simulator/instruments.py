"""
The cards and bank accounts of the development world, and how their banks behave.

They belong to no PSP: each PSP has its own names for them (`tokens.py`), so one card
behaves the same wherever it is charged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Authentication(StrEnum):
    """When the bank wants to see the payer."""

    NEVER = "never"
    # Asked without the payer noticing.
    FRICTIONLESS = "frictionless"
    # The payer must act, unless the card was set up for later with the payer present.
    UNLESS_SET_UP = "unless_set_up"
    # The payer must act each time, set up or not.
    ALWAYS = "always"


class DisputeReason(StrEnum):
    """What the cardholder will complain about after the payment."""

    FRAUDULENT = "fraudulent"
    PRODUCT_NOT_RECEIVED = "product_not_received"
    INQUIRY = "inquiry"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decline:
    """A bank's no. `reason` is finer than `code`, empty when the code says it all."""

    code: str = "card_declined"
    reason: str = ""
    network_code: str = ""
    advice: str = "try_again_later"
    message: str = "Your card was declined."


@dataclass(frozen=True, kw_only=True, slots=True)
class Risk:
    """What the PSP's own fraud check thinks; a blocked payment never reaches the bank."""

    level: str = "normal"
    score: int = 12
    is_blocked: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A test card. `decline` is the bank's answer to every charge."""

    brand: str = "visa"
    last4: str = "4242"
    fingerprint: str = "f7RqK2mXw9LdT4aV"
    exp_month: int = 12
    exp_year: int = 2034
    decline: Decline | None = None
    can_be_saved: bool = True
    authentication: Authentication = Authentication.NEVER
    risk: Risk = Risk()
    cvc_check: str = "pass"
    address_check: str | None = None
    dispute: DisputeReason | None = None
    has_fraud_warning: bool = False


# A renewed card is valid for this much longer.
_RENEWAL_YEARS = 3


def renewed(card: Card, options: Mapping[str, str]) -> Card:
    """Return the card that the bank sends when the old one ends, as `options` describe it."""
    return replace(
        card,
        last4=options.get("last4", card.last4),
        exp_year=int(options.get("exp_year", card.exp_year + _RENEWAL_YEARS)),
        exp_month=int(options.get("exp_month", card.exp_month)),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class BankAccount:
    """An account for SEPA debits; whether a debit goes through shows only later."""

    iban: str
    decline: Decline | None = None
    dispute: DisputeReason | None = None

    @property
    def country(self) -> str:
        return self.iban[:2]

    @property
    def bank_code(self) -> str:
        return self.iban[4:12]

    @property
    def last4(self) -> str:
        return self.iban[-4:]


Instrument = Card | BankAccount

GENERIC_DECLINE = Decline(reason="generic_decline", network_code="01")
INSUFFICIENT_FUNDS = Decline(
    reason="insufficient_funds",
    network_code="51",
    message="Your card has insufficient funds.",
)
STOLEN_CARD = Decline(reason="stolen_card", network_code="43", advice="do_not_try_again")
EXPIRED_CARD = Decline(
    code="expired_card",
    network_code="54",
    advice="do_not_try_again",
    message="Your card has expired.",
)
PROCESSING_ERROR = Decline(
    code="processing_error",
    network_code="96",
    message="An error occurred while processing your card. Try again in a little bit.",
)
AUTHENTICATION_REQUIRED = Decline(
    code="authentication_required",
    reason="authentication_required",
    network_code="1A",
    message="Your card was declined. This transaction requires authentication.",
)
BLOCKED_AS_FRAUD = Decline(reason="fraudulent", advice="do_not_try_again")
DEBIT_FAILED = Decline(
    code="generic_could_not_process",
    advice="",
    message="The bank could not process the debit.",
)

VISA = Card()


def _visa(last4: str, fingerprint: str) -> Card:
    return replace(VISA, last4=last4, fingerprint=fingerprint)


def _declined(card: Card, decline: Decline) -> Card:
    # The bank is asked when the card is saved, too, and says the same.
    return replace(card, decline=decline, can_be_saved=False)


MASTERCARD = Card(brand="mastercard", last4="4444", fingerprint="p3ZbN8cHs5JyQ1eU")
AMEX = Card(brand="amex", last4="8431", fingerprint="k6WgD1vTo4XnR9iB")

DECLINED = _declined(_visa("0002", "a1GdJ5uYc8NhF3sL"), GENERIC_DECLINE)
WITHOUT_FUNDS = _declined(_visa("9995", "b2HeK6vZd9PjG4tM"), INSUFFICIENT_FUNDS)
STOLEN = _declined(_visa("9979", "c3JfL7wAe1QkH5uN"), STOLEN_CARD)
EXPIRED = _declined(_visa("0069", "d4KgM8xBf2RmJ6vP"), EXPIRED_CARD)
WITH_PROCESSING_ERROR = _declined(_visa("0119", "e5LhN9yCg3SnK7wQ"), PROCESSING_ERROR)
DECLINED_ONCE_SAVED = replace(_visa("0341", "f6MjP1zDh4TpL8xR"), decline=GENERIC_DECLINE)

WITH_CHALLENGE = replace(
    _visa("3220", "g7NkQ2aEj5UqM9yS"), authentication=Authentication.UNLESS_SET_UP
)
WITH_FRICTIONLESS_CHECK = replace(
    _visa("3055", "h8PmR3bFk6VrN1zT"), authentication=Authentication.FRICTIONLESS
)
ALWAYS_AUTHENTICATED = replace(
    _visa("3184", "j9QnS4cGm7WsP2aU"), authentication=Authentication.ALWAYS
)

DISPUTED_AS_FRAUD = replace(_visa("0259", "k1RpT5dHn8XtQ3bV"), dispute=DisputeReason.FRAUDULENT)
DISPUTED_AS_NOT_RECEIVED = replace(
    _visa("2685", "m2SqU6eJp9YuR4cW"), dispute=DisputeReason.PRODUCT_NOT_RECEIVED
)
WITH_INQUIRY = replace(_visa("1976", "n3TrV7fKq1ZvS5dX"), dispute=DisputeReason.INQUIRY)
WITH_FRAUD_WARNING = replace(_visa("5423", "p4UsW8gLr2AwT6eY"), has_fraud_warning=True)

OF_ELEVATED_RISK = replace(_visa("9235", "q5VtX9hMs3BxU7fZ"), risk=Risk(level="elevated", score=68))
OF_HIGHEST_RISK = replace(
    _visa("4954", "r6WuY1jNt4CyV8gA"), risk=Risk(level="highest", score=88, is_blocked=True)
)
WITH_WRONG_CVC = replace(_visa("0101", "s7XvZ2kPu5DzW9hB"), cvc_check="fail")
WITH_WRONG_ADDRESS = replace(_visa("0010", "t8YwA3mQv6EaX1jC"), address_check="fail")

_SPECIAL_ACCOUNTS = {
    "DE62370400440532013001": BankAccount(iban="DE62370400440532013001", decline=DEBIT_FAILED),
    "DE35370400440532013002": BankAccount(
        iban="DE35370400440532013002", dispute=DisputeReason.FRAUDULENT
    ),
}


class InvalidIban(ValueError):
    """The check digits do not fit, or it is no IBAN at all."""


def open_bank_account(iban: str) -> BankAccount:
    """
    Return the account behind an IBAN; all but the special ones can be debited.

    :raises InvalidIban: the text is no IBAN
    """
    compact = iban.replace(" ", "").upper()
    if not _is_iban(compact):
        raise InvalidIban(iban)
    return _SPECIAL_ACCOUNTS.get(compact) or BankAccount(iban=compact)


def _is_iban(text: str) -> bool:
    """Check as ISO 13616 says: country and check digits to the end, letters as numbers, mod 97."""
    shortest, longest = 15, 34
    if not (shortest <= len(text) <= longest and text.isascii() and text.isalnum()):
        return False
    if not (text[:2].isalpha() and text[2:4].isdigit()):
        return False
    digits = "".join(str(int(letter, 36)) for letter in text[4:] + text[:4])
    return int(digits) % 97 == 1
