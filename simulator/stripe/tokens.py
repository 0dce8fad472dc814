"""Stripe's test tokens: names for the common test cards."""

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

# A token is exchanged for a payment method; the other names are payment methods ready made, of
# which each use makes a new one.
CARDS_BY_TOKEN = {f"tok_{name}": card for name, card in _CARDS.items()}
CARDS_BY_READY_METHOD = {f"pm_card_{name}": card for name, card in _CARDS.items()}
