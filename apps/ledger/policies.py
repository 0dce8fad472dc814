"""Arithmetic of money that no account sees: splitting it, changing its currency, hashing it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Self

from apps.common.money import exponent, to_major
from apps.ledger.errors import RateStale

# A day-old rate is what banks and gateways publish; older ones are refused.
RATE_AGE_MAX = timedelta(hours=36)

# What the table of rates keeps behind the point.
_RATE_DIGITS = 12


def allocate(amount: int, weights: Sequence[int]) -> list[int]:
    """
    Split `amount` minor units in proportion to `weights`, to the last unit.

    The units which rounding down leaves over go to the largest remainders, ties to the first.

    :raises ValueError: no weights, a negative weight, or all of them zero
    Source: the largest remainder method (AC-47)
    """
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise ValueError("weights must be positive together and never negative")
    if amount < 0:
        return [-part for part in allocate(-amount, weights)]
    parts = [amount * weight // total for weight in weights]
    remainders = [amount * weight % total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: -remainders[index])
    for index in by_remainder[: amount - sum(parts)]:
        parts[index] += 1
    return parts


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """The major units of `quote` for one major unit of `base`, who says so, and as of when."""

    base: str
    quote: str
    value: Decimal
    source: str
    as_of: datetime

    def metadata(self) -> dict[str, str]:
        """Return the rate as an entry keeps it."""
        return {
            "rate": f"{self.base}/{self.quote} {self.value}",
            "rate_source": self.source,
            "rate_as_of": self.as_of.isoformat(),
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Self:
        """Return the rate that an entry keeps."""
        pair, _, value = metadata["rate"].partition(" ")
        base, _, quote = pair.partition("/")
        return cls(
            base=base,
            quote=quote,
            value=Decimal(value),
            source=metadata["rate_source"],
            as_of=datetime.fromisoformat(metadata["rate_as_of"]),
        )


@dataclass(frozen=True, slots=True)
class Conversion:
    """An amount in another currency, and the rate that made it."""

    amount: int
    currency: str
    rate: Rate


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """
    What a gateway made of a payment's money in another currency of ours.

    It credited or took `settled`, of which it kept `fee`; our books know that money as `booked`
    minor units of the same currency, at the rate of the day of capture.
    """

    settled: Conversion
    booked: int
    fee: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """
    What of a payment lies with us in another currency.

    `amount` of the rate's base is not given back yet; the books hold it as `booked` of its quote.
    """

    amount: int
    booked: int
    rate: Rate

    def booked_part(self, amount: int) -> int:
        """Return what `amount` of it is booked as; the last part takes all that is left."""
        part = min(amount, self.amount)
        return allocate(self.booked, [part, self.amount - part])[0] if self.amount else 0


def implied_rate(
    *, amount: int, base: str, settled: int, quote: str, source: str, at: datetime
) -> Rate:
    """Return the rate at which somebody made `settled` of `amount` without telling it."""
    value = to_major(settled, quote) / to_major(amount, base)
    return Rate(base=base, quote=quote, value=round(value, _RATE_DIGITS), source=source, as_of=at)


def convert(
    amount: int, rate: Rate, *, now: datetime, max_age: timedelta = RATE_AGE_MAX
) -> Conversion:
    """
    Return `amount` minor units of the rate's base in minor units of its quote.

    Halves go to the even neighbour, so that many conversions do not drift to one side.

    :raises RateStale: the rate is older than `max_age`
    Source: AC-45, AC-46
    """
    if now - rate.as_of > max_age:
        raise RateStale(
            base=rate.base,
            quote=rate.quote,
            source=rate.source,
            as_of=rate.as_of.isoformat(),
            max_age=str(max_age),
        )
    major = to_major(amount, rate.base) * rate.value
    minor = major.scaleb(exponent(rate.quote)).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
    return Conversion(int(minor), rate.quote, rate)


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """
    Return the one hash over all `leaves`; pairs are hashed upwards, an odd one rises alone.

    Inner nodes are marked, so that no leaf can pass for a node.
    """
    level = list(leaves)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        parents = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
        level = parents + level[len(parents) * 2 :]
    return level[0]


def seal_hash(number: int, root: bytes, previous_hash: bytes) -> bytes:
    """Return the hash which chains a seal to the one before."""
    return hashlib.sha256(number.to_bytes(8, "big") + previous_hash + root).digest()
