"""
The token service of the development world: what a shop's page gets for a card.

The tokens have the names of Stripe's test tokens, and stand for the same card at every PSP: at
Adyen as what its own page would have encrypted.
"""

from collections.abc import Mapping

from simulator import instruments
from simulator.instruments import Card

_CARDS: Mapping[str, Card] = {
    "visa": instruments.VISA,
    "mastercard": instruments.MASTERCARD,
    "amex": instruments.AMEX,
    "chargeDeclined": instruments.DECLINED,
    "chargeDeclinedInsufficientFunds": instruments.WITHOUT_FUNDS,
    "chargeDeclinedStolenCard": instruments.STOLEN,
    "chargeDeclinedExpiredCard": instruments.EXPIRED,
    "chargeDeclinedProcessingError": instruments.WITH_PROCESSING_ERROR,
    "threeDSecure2Required": instruments.WITH_CHALLENGE,
    "threeDSecureOptional": instruments.WITH_FRICTIONLESS_CHECK,
    "authenticationRequired": instruments.ALWAYS_AUTHENTICATED,
    "createDispute": instruments.DISPUTED_AS_FRAUD,
    "createDisputeProductNotReceived": instruments.DISPUTED_AS_NOT_RECEIVED,
    "createDisputeInquiry": instruments.WITH_INQUIRY,
    "createIssuerFraudWarning": instruments.WITH_FRAUD_WARNING,
    "riskLevelElevated": instruments.OF_ELEVATED_RISK,
    "riskLevelHighest": instruments.OF_HIGHEST_RISK,
    "cvcCheckFail": instruments.WITH_WRONG_CVC,
    "avsFail": instruments.WITH_WRONG_ADDRESS,
    "declineAfterAttaching": instruments.DECLINED_ONCE_SAVED,
}

# Stripe's names of these have the brand in them, too.
CARDS_BY_NAME: Mapping[str, Card] = {
    **_CARDS,
    **{f"visa_{name}": card for name, card in _CARDS.items() if name.startswith("chargeDeclined")},
}
CARDS_BY_TOKEN = {f"tok_{name}": card for name, card in CARDS_BY_NAME.items()}
