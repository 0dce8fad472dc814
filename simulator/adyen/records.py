"""Adyen's objects as the simulator keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from simulator.adyen.refusals import Refusal
from simulator.books import Charge, Dispute
from simulator.instruments import BankAccount, Card, Instrument


class ResultCode(StrEnum):
    """How a payment stands, as the answer to a payment request tells."""

    AUTHORISED = "Authorised"
    REFUSED = "Refused"
    CANCELLED = "Cancelled"
    REDIRECT_SHOPPER = "RedirectShopper"
    # A debit on its way; a notification tells the end.
    RECEIVED = "Received"


@dataclass(kw_only=True, slots=True)
class StoredMethod:
    """An instrument kept for a shopper; `token` is what it was made from."""

    id: str
    shopper: str
    instrument: Instrument
    token: str


@dataclass(kw_only=True, slots=True)
class Payment:
    """`reference` and `order_reference` are the merchant's; `redirect_result` ends a challenge."""

    psp_reference: str
    reference: str
    order_reference: str
    amount: int
    currency: str
    instrument: Instrument
    is_manual: bool
    return_url: str
    metadata: Mapping[str, str]
    # Whose and from what to keep the instrument, once the bank has agreed.
    shopper_to_keep_for: str = ""
    token: str = ""
    stored: StoredMethod | None = None
    result: ResultCode = ResultCode.RECEIVED
    refusal: Refusal | None = None
    charge: Charge | None = None
    action_url: str = ""
    redirect_result: str = ""
    is_authenticated: bool = False

    @property
    def card(self) -> Card | None:
        return self.instrument if isinstance(self.instrument, Card) else None

    @property
    def bank(self) -> BankAccount | None:
        return self.instrument if isinstance(self.instrument, BankAccount) else None

    @property
    def references(self) -> tuple[str, ...]:
        """Return the platform's ids, its intent's first."""
        return tuple(filter(None, (self.order_reference, self.reference)))


class Round(IntEnum):
    """How often the bank has come back; in the last one the scheme decides."""

    FIRST = 1
    PRE_ARBITRATION = 2
    ARBITRATION = 3


@dataclass(kw_only=True, slots=True)
class AdyenDispute(Dispute):
    """`status` is Adyen's own word; `is_inquiry` while the bank only asks."""

    payment: Payment
    is_inquiry: bool
    round: Round = Round.FIRST
    is_settled_by_rule: bool = False
    documents: list[bytes] = field(default_factory=list)
