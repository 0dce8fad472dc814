"""
Strong customer authentication: whether the law wants 3DS of a payment, and who is exempt.

Source: Commission Delegated Regulation (EU) 2018/389, articles 16 (low value) and 18 (transaction
risk analysis), and its scope as EBA explains it: both banks in the area, the payer acting.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# The European Economic Area, and the United Kingdom, which kept the rule.
AREA: Final = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU",
        "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI",
        "SK",
    }
)  # fmt: skip

# Article 16, in hundredths of a euro: each up to 30, and since the last authentication five
# payments or 100 together. The issuer counts too, and asks by itself when it counts more.
LOW_VALUE: Final = 3_000
LOW_VALUE_SUM: Final = 10_000
LOW_VALUE_COUNT: Final = 5


class ScaNeed(StrEnum):
    """What the law says of the payment."""

    UNKNOWN = "unknown"
    OUT_OF_SCOPE = "out_of_scope"
    MERCHANT_INITIATED = "merchant_initiated"
    EXEMPT_LOW_VALUE = "exempt_low_value"
    EXEMPT_LOW_RISK = "exempt_low_risk"
    REQUIRED = "required"


@dataclass(frozen=True, kw_only=True, slots=True)
class CardPayment:
    """
    What the rule asks about; amounts are hundredths of the major unit.

    `recent_count` and `recent_sum` are the card's attempts of the last week, this one included:
    without the issuer's counter that is the nearest we know to "since the last authentication".
    """

    issuer_country: str
    currency: str
    amount: int
    is_off_session: bool
    recent_count: int
    recent_sum: int
    is_low_risk: bool


def judge_sca(payment: CardPayment, *, acquired_in_area: bool, low_risk_limit: int) -> ScaNeed:
    """
    Return whether the payer has to prove who they are.

    `low_risk_limit` is the highest amount for which the acquirer's fraud rate allows an exemption
    for low risk: 100, 250 or 500 euros (article 18); 0 for none. An exemption moves the liability
    to us, so only euros, which need no rate to compare, and only known cards get one.
    """
    if payment.is_off_session:
        return ScaNeed.MERCHANT_INITIATED
    if not payment.issuer_country:
        return ScaNeed.UNKNOWN
    if not acquired_in_area or payment.issuer_country not in AREA:
        return ScaNeed.OUT_OF_SCOPE
    return _exemption_of(payment, low_risk_limit=low_risk_limit) or ScaNeed.REQUIRED


def _exemption_of(payment: CardPayment, *, low_risk_limit: int) -> ScaNeed | None:
    if payment.currency != "EUR":
        return None
    is_small = payment.amount <= LOW_VALUE
    is_rare = payment.recent_count <= LOW_VALUE_COUNT and payment.recent_sum <= LOW_VALUE_SUM
    if is_small and is_rare:
        return ScaNeed.EXEMPT_LOW_VALUE
    is_safe = payment.is_low_risk and payment.amount <= low_risk_limit
    return ScaNeed.EXEMPT_LOW_RISK if is_safe else None
