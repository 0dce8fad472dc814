"""Adyen's words for a bank's no: `refusalReason` and its code."""

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.instruments import Decline


@dataclass(frozen=True, slots=True)
class Refusal:
    code: str
    reason: str


NOT_AUTHENTICATED = Refusal("11", "3D Not Authenticated")
AUTHENTICATION_REQUIRED = Refusal("38", "Authentication required")
BLOCKED_AS_FRAUD = Refusal("20", "FRAUD")
SHOPPER_CANCELLED = Refusal("16", "Shopper Cancelled")
_REFUSED = Refusal("2", "Refused")

_BY_DECLINE: Mapping[str, Refusal] = {
    "insufficient_funds": Refusal("12", "Not enough balance"),
    "stolen_card": Refusal("5", "Blocked Card"),
    "expired_card": Refusal("6", "Expired Card"),
    "processing_error": Refusal("4", "Acquirer Error"),
}


def refusal_for(decline: Decline) -> Refusal:
    """Return how Adyen tells what the bank said."""
    return _BY_DECLINE.get(decline.reason or decline.code, _REFUSED)
