"""
The witness: what was really charged and given back, over all PSPs.

The rules of money stand here once, whatever dialect asked for it. All amounts are minor units.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from simulator.clock import Clock
from simulator.ids import Ids
from simulator.instruments import Decline, Instrument
from simulator.settings import Settings

# What the PSPs take of a payment: 2.9 % and 30 minor units, half a unit rounded up.
_FEE_PER_MILLE = 29
_FEE_FIXED = 30

# Currencies without a smaller unit, as far as the instruments here take them.
WHOLE = frozenset({"jpy", "krw", "vnd", "clp"})


class ChargeStatus(StrEnum):
    # A bank debit on its way; nobody knows yet whether it goes through.
    PENDING = "pending"
    AUTHORIZED = "authorized"
    SUCCEEDED = "succeeded"
    VOIDED = "voided"
    FAILED = "failed"


class RefundStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(kw_only=True, slots=True)
class Charge:
    """
    One try to take money. `payment` is the PSP's id of what it belongs to.

    `reference` and `attempt` are the platform's ids as it sent them along.
    """

    id: str
    psp: str
    payment: str
    reference: str
    attempt: str
    amount: int
    currency: str
    created: int
    instrument: Instrument
    status: ChargeStatus
    amount_captured: int = 0
    amount_refunded: int = 0
    decline: Decline | None = None
    expires_at: int | None = None
    movement: "Movement | None" = None

    @property
    def is_captured(self) -> bool:
        return self.status == ChargeStatus.SUCCEEDED

    @property
    def amount_refundable(self) -> int:
        return self.amount_captured - self.amount_refunded

    def describe(self) -> dict[str, Any]:
        """Return what `/_sim/charges` shows; a debit on its way counts as authorised there."""
        is_pending = self.status == ChargeStatus.PENDING
        return {
            "id": self.id,
            "psp": self.psp,
            "reference": self.reference,
            "attempt": self.attempt,
            "amount": self.amount_captured if self.is_captured else self.amount,
            "currency": self.currency,
            "status": str(ChargeStatus.AUTHORIZED if is_pending else self.status),
            "captured": self.is_captured,
            "refunded": self.amount_refunded,
            "created": self.created,
        }


@dataclass(kw_only=True, slots=True)
class Refund:
    """Money on its way back; `reference` is the platform's id as it sent it along."""

    id: str
    charge: Charge
    reference: str
    amount: int
    created: int
    status: RefundStatus
    reason: str | None
    metadata: dict[str, str]
    failure_reason: str | None = None
    movement: "Movement | None" = None
    failure_movement: "Movement | None" = None


@dataclass(kw_only=True, slots=True)
class Dispute:
    """A payer's complaint at the bank; `status` is the PSP's own word."""

    id: str
    psp: str
    charge: Charge
    amount: int
    created: int
    reason: str
    network_code: str
    status: str
    due_by: int = 0
    submissions: int = 0
    evidence: dict[str, str] = field(default_factory=dict)
    packet_sha256: str = ""
    movements: "list[Movement]" = field(default_factory=list)

    @property
    def currency(self) -> str:
        return self.charge.currency

    def describe(self) -> dict[str, Any]:
        """Return what `/_sim/disputes` shows."""
        return {
            "id": self.id,
            "psp": self.psp,
            "reference": self.charge.reference,
            "charge": self.charge.id,
            "amount": self.amount,
            "currency": self.currency,
            "reason": self.reason,
            "status": self.status,
            "due_by": self.due_by,
            "submissions": self.submissions,
            "evidence": self.evidence,
            "packet_sha256": self.packet_sha256,
            "created": self.created,
        }


class Paid(NamedTuple):
    """What a movement was in the payer's currency, and at which rate the account exchanged it."""

    amount: int
    currency: str
    rate: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Movement:
    """
    One line of a PSP's account with the merchant; the source of its settlement reports.

    `paid` stands on money that was exchanged.
    """

    id: str
    psp: str
    kind: str
    source: str
    amount: int
    fee: int
    currency: str
    created: int
    available_on: int
    paid: Paid | None = None

    @property
    def net(self) -> int:
        return self.amount - self.fee


@dataclass(slots=True)
class Exchange:
    """
    In which currency the merchant's account is, and what it gives for others.

    Without a currency, or a rate for the payment's, money stays in the currency it was taken in.
    """

    currency: str = ""
    rates: dict[str, Decimal] = field(default_factory=dict)

    def rate_of(self, currency: str) -> Decimal | None:
        """Return the account's currency per unit of this one; None when it is not exchanged."""
        return None if currency == self.currency else self.rates.get(currency)


class RefundTooLarge(Exception):
    """More was asked back than is left."""

    def __init__(self, *, requested: int, refundable: int) -> None:
        self.requested = requested
        self.refundable = refundable
        super().__init__(f"{requested} of {refundable}")


# No card of this world is good for a hold raised to more than this.
MAX_RAISED_HOLD = 100_000


class HoldTooLarge(Exception):
    """The bank declines to hold more."""


class CaptureTooLarge(Exception):
    """More was to be taken than is held."""


@dataclass(slots=True)
class Books:
    """Charges, refunds, disputes and movements since the start or the last reset."""

    clock: Clock
    ids: Ids
    settings: Settings
    charges: dict[str, Charge] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    disputes: dict[str, Dispute] = field(default_factory=dict)
    movements: dict[str, Movement] = field(default_factory=dict)
    exchange: Exchange = field(default_factory=Exchange)
    _by_reference: defaultdict[str, list[Charge]] = field(default_factory=lambda: defaultdict(list))
    _refunds_by_charge: defaultdict[str, list[Refund]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def enter(self, charge: Charge) -> None:
        """Write down a new charge, also one that failed."""
        self.charges[charge.id] = charge
        self._by_reference[charge.reference].append(charge)

    def capture(self, charge: Charge, *, amount: int) -> None:
        """
        Take `amount` of what is held or under way; the rest is released.

        :raises CaptureTooLarge: more than was authorised
        """
        if amount > charge.amount:
            raise CaptureTooLarge
        charge.status = ChargeStatus.SUCCEEDED
        charge.amount_captured = amount
        charge.movement = self.move_exchanged(
            psp=charge.psp,
            kind="charge",
            source=charge.id,
            amount=amount,
            fee=None,
            currency=charge.currency,
        )

    def raise_hold(self, charge: Charge, *, amount: int) -> None:
        """
        Hold `amount` in all instead of what is held.

        :raises HoldTooLarge: the card is not good for so much
        """
        if amount > MAX_RAISED_HOLD:
            raise HoldTooLarge
        charge.amount = amount

    def void(self, charge: Charge) -> None:
        """Release what is held."""
        charge.status = ChargeStatus.VOIDED

    def fail(self, charge: Charge, decline: Decline) -> None:
        """Note that the bank said no in the end."""
        charge.status = ChargeStatus.FAILED
        charge.decline = decline

    def refund(self, refund: Refund) -> None:
        """
        Give back; a pending refund has left our account, too, though it has not arrived yet.

        :raises RefundTooLarge: more than is left
        """
        charge = refund.charge
        if refund.amount > charge.amount_refundable:
            raise RefundTooLarge(requested=refund.amount, refundable=charge.amount_refundable)
        charge.amount_refunded += refund.amount
        self.refunds[refund.id] = refund
        self._refunds_by_charge[charge.id].append(refund)
        refund.movement = self._move_back(refund, "refund", -refund.amount)

    def undo_refund(self, refund: Refund, status: RefundStatus, *, reason: str | None) -> None:
        """Note that the money came back to us: the refund failed, or was stopped in time."""
        refund.status = status
        refund.failure_reason = reason
        refund.charge.amount_refunded -= refund.amount
        refund.failure_movement = self._move_back(refund, "refund_failure", refund.amount)

    def move_exchanged(
        self, *, psp: str, kind: str, source: str, amount: int, fee: int | None, currency: str
    ) -> Movement:
        """Write a line in the account's own currency; without a `fee` it is that of a charge."""
        rate, paid = self.exchange.rate_of(currency), None
        if rate is not None:
            paid = Paid(amount, currency, rate)
            amount = _convert(amount, currency, self.exchange.currency, rate)
            currency = self.exchange.currency
        if fee is None:
            fee = (amount * _FEE_PER_MILLE + 500) // 1000 + _FEE_FIXED
        return self.move(
            psp=psp, kind=kind, source=source, amount=amount, fee=fee, currency=currency, paid=paid
        )

    def move(
        self,
        *,
        psp: str,
        kind: str,
        source: str,
        amount: int,
        fee: int,
        currency: str,
        paid: Paid | None = None,
    ) -> Movement:
        """Write one line of the merchant's account."""
        now = int(self.clock.now())
        movement = Movement(
            id=self.ids.new("txn"),
            psp=psp,
            kind=kind,
            source=source,
            amount=amount,
            fee=fee,
            currency=currency,
            created=now,
            available_on=now + int(self.settings.available_after) if amount > 0 else now,
            paid=paid,
        )
        self.movements[movement.id] = movement
        return movement

    def charges_of(self, reference: str) -> list[Charge]:
        """Return the charges that carry this reference of the platform's, oldest first."""
        return self._by_reference.get(reference, [])

    def refunds_of(self, charge: Charge) -> list[Refund]:
        """Return the charge's refunds, oldest first."""
        return self._refunds_by_charge.get(charge.id, [])

    def stores(self) -> tuple[dict[str, Any], ...]:
        """Return what these books consist of."""
        return (
            self.charges,
            self.refunds,
            self.disputes,
            self.movements,
            self._by_reference,
            self._refunds_by_charge,
        )

    def clear(self) -> None:
        """Begin with empty books."""
        for store in self.stores():
            store.clear()
        self.exchange = Exchange()

    def _move_back(self, refund: Refund, kind: str, amount: int) -> Movement:
        charge = refund.charge
        return self.move_exchanged(
            psp=charge.psp,
            kind=kind,
            source=refund.id,
            amount=amount,
            fee=0,
            currency=charge.currency,
        )


def _convert(amount: int, currency: str, into: str, rate: Decimal) -> int:
    shift = 2 * ((currency in WHOLE) - (into in WHOLE))
    return int((amount * rate).scaleb(shift).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
