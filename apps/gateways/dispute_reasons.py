"""
What a card scheme's code for a complaint means, in Stripe's words. Pure.

Source: Stripe, "Dispute reason codes by network" (the Visa part), and Mastercard's chargeback guide
"""

from collections.abc import Mapping

OTHER = "general"

_VISA: Mapping[str, str] = {
    "12.6.1": "duplicate",
    "12.6.2": "duplicate",
    "13.1": "product_not_received",
    "13.2": "subscription_canceled",
    "13.3": "product_unacceptable",
    "13.4": "product_unacceptable",
    "13.5": "product_unacceptable",
    "13.6": "credit_not_processed",
    "13.7": "credit_not_processed",
    "13.9": "product_not_received",
    "33": "fraudulent",
}
# Mastercard has one code for most complaints of consumers; what it is about stands in its text.
_MASTERCARD: Mapping[str, str] = {
    "4834": "duplicate",
    "4837": "fraudulent",
    "4849": "fraudulent",
    "4863": "unrecognized",
    "4870": "fraudulent",
    "4871": "fraudulent",
}


def reason_of(network: str, code: str) -> str:
    """Return the category of a scheme's code; what is not known is `general`."""
    if network == "visa":
        return "fraudulent" if code.startswith("10.") else _VISA.get(code, OTHER)
    if network == "mastercard":
        return _MASTERCARD.get(code, OTHER)
    return OTHER
