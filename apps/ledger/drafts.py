"""A journal entry before it is booked: pure data, made by recipes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Self

from apps.common.ids import id_at
from apps.common.origin import Scope
from apps.ledger.errors import EntryIncomplete, EntryUnbalanced
from apps.ledger.states import Layer

LEGS_MIN = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Leg:
    """
    One line of an entry: `amount` minor units, positive is a debit, negative a credit.

    `forced` lets the leg take the account below its floor: a dispute does not ask the wallet.
    """

    account: str
    amount: int
    currency: str
    owner: str = ""
    layer: Layer = Layer.POSTED
    forced: bool = False

    def reversed(self) -> Self:
        """Return the leg which takes this one back, whatever the account's balance."""
        return replace(self, amount=-self.amount, forced=True)

    def row(self) -> dict[str, Any]:
        """Return the leg as `ledger_post_entry` reads it."""
        return {
            "account": self.account,
            "owner": self.owner,
            "currency": self.currency.upper(),
            "layer": self.layer.value,
            "amount": self.amount,
            "forced": self.forced,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryDraft:
    """
    One business fact as a balanced set of legs.

    `(source_type, source_id, kind)` names the fact; it is booked once, however often it is heard.
    `booked_at` is when we learned of it, `value_on` the day it counts for; without one it is the
    day of `booked_at` in UTC.

    :raises EntryIncomplete: fewer than two legs, or a leg of zero
    :raises EntryUnbalanced: debits and credits differ in a currency or layer
    """

    scope: Scope
    kind: str
    source_type: str
    source_id: str
    booked_at: datetime
    legs: tuple[Leg, ...]
    value_on: date | None = None
    reverses: str | None = None
    description: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.legs) < LEGS_MIN or not all(leg.amount for leg in self.legs):
            raise EntryIncomplete(kind=self.kind, legs=len(self.legs))
        sums: dict[tuple[str, Layer], int] = {}
        for leg in self.legs:
            key = (leg.currency.upper(), leg.layer)
            sums[key] = sums.get(key, 0) + leg.amount
        for (currency, layer), total in sums.items():
            if total:
                raise EntryUnbalanced(
                    kind=self.kind, currency=currency, layer=layer.value, total=total
                )

    def row(self) -> dict[str, Any]:
        """
        Return the entry as `ledger_post_entry` reads it, ready for JSON.

        Each call makes a new id; the ledger keeps the first and recognises the rest by the source.
        """
        value_on = self.value_on or self.booked_at.astimezone(UTC).date()
        return {
            "id": id_at("jrn", self.booked_at),
            "merchant_id": self.scope.merchant_id,
            "livemode": self.scope.livemode,
            "kind": self.kind,
            "source_type": self.source_type,
            "source_id": self.source_id,
            "value_on": value_on.isoformat(),
            "booked_at": self.booked_at.isoformat(),
            "reverses": self.reverses,
            "description": self.description,
            "metadata": dict(self.metadata),
            "legs": [leg.row() for leg in self.legs],
        }
