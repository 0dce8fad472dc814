"""What each kind of gateway can do with each type of payment method. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """
    What works for one type of payment method at one kind of gateway.

    `currencies` None means every currency we know. `holds` says whether money can be authorised
    first and captured later; `captures_often` whether one hold can be captured in several parts;
    `network_tokens` whether it charges the card schemes' tokens without having seen the card.
    """

    currencies: frozenset[str] | None = None
    holds: bool = True
    captures_part: bool = True
    captures_often: bool = False
    refunds: bool = True
    refunds_part: bool = True
    three_d_secure: bool = False
    network_tokens: bool = False


_SEPA_DEBIT = Capabilities(currencies=frozenset({"EUR"}), holds=False, captures_part=False)

_CAPABILITIES: Mapping[str, Mapping[str, Capabilities]] = {
    "stripe": {
        # Several captures of one hold need a contract with Stripe that not every account has.
        "card": Capabilities(three_d_secure=True),
        "sepa_debit": _SEPA_DEBIT,
    },
    "adyen": {
        # Several captures of one hold have to be asked for at Adyen's support.
        "card": Capabilities(three_d_secure=True, network_tokens=True),
        "sepa_debit": _SEPA_DEBIT,
    },
}


def find_capabilities(kind: str, method_type: str) -> Capabilities | None:
    """Return what the kind of gateway can do with the type of method, None when it cannot."""
    return _CAPABILITIES.get(kind, {}).get(method_type)


def can_charge(kind: str, *, method_type: str, currency: str, capture: bool) -> bool:
    """Return whether such a payment works there; without `capture` the money is held first."""
    capabilities = find_capabilities(kind, method_type)
    if capabilities is None:
        return False
    takes_currency = capabilities.currencies is None or currency.upper() in capabilities.currencies
    return takes_currency and (capture or capabilities.holds)
