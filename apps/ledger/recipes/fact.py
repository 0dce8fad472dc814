"""What every recipe starts from, and how it becomes an entry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from apps.common.origin import Scope
from apps.ledger.drafts import EntryDraft, Leg
from apps.ledger.states import Layer


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """
    Money that moved, or was held: `amount` positive minor units of `currency`.

    `id` names the object the money belongs to, e.g. the attempt, refund or payout; with the kind
    of the entry it makes the fact bookable once. `gateway` is the gateway account that holds the
    money, `at` when we learned of it, `value_on` the day it counts for, if another than today.
    """

    scope: Scope
    id: str
    amount: int
    currency: str
    at: datetime
    gateway: str = ""
    value_on: date | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Share:
    """What one seller gets of a payment, or gives back; the rest of the amount is ours."""

    seller_id: str
    amount: int


Line = tuple[str, str, int]


def entry(fact: Fact, kind: str, source_type: str, legs: tuple[Leg, ...]) -> EntryDraft:
    """Return the entry which books `fact` with these legs."""
    return EntryDraft(
        scope=fact.scope,
        kind=kind,
        source_type=source_type,
        source_id=fact.id,
        booked_at=fact.at,
        value_on=fact.value_on,
        metadata=fact.metadata,
        legs=legs,
    )


def legs(
    currency: str, *lines: Line, layer: Layer = Layer.POSTED, forced: bool = False
) -> tuple[Leg, ...]:
    """Return one leg per (account, owner, amount); a line of zero drops out."""
    return tuple(
        Leg(
            account=account,
            owner=owner,
            amount=amount,
            currency=currency,
            layer=layer,
            forced=forced,
        )
        for account, owner, amount in lines
        if amount
    )


def reversed_legs(forward: tuple[Leg, ...]) -> tuple[Leg, ...]:
    """Return the legs which take these back."""
    return tuple(leg.reversed() for leg in forward)


def shares_total(shares: tuple[Share, ...]) -> int:
    """Return what the sellers get together."""
    return sum(share.amount for share in shares)
