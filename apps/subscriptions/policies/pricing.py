"""What a quantity costs, what a coupon takes off, what tax adds: rounded once per line."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from apps.ledger.policies import allocate
from apps.subscriptions.policies.proration import round_half_up

PERCENT = 100


class TiersMode(StrEnum):
    """Volume: the tier of the whole quantity prices all of it. Graduated: each tier its part."""

    VOLUME = "volume"
    GRADUATED = "graduated"


class Aggregation(StrEnum):
    """How the usage of a period becomes one quantity."""

    SUM = "sum"
    COUNT = "count"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Tier:
    """Units above the tier before and up to `up_to` (None: without end)."""

    up_to: int | None
    unit_amount: Decimal = Decimal(0)
    flat_amount: int = 0


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """How a price turns a quantity into an amount; `unit_amount` may have fractions of a unit."""

    unit_amount: Decimal = Decimal(0)
    tiers: tuple[Tier, ...] = ()
    tiers_mode: TiersMode | None = None

    def amount(self, quantity: Decimal | int) -> int:
        """Return what `quantity` costs for a whole period, in minor units."""
        exact = Fraction(quantity)
        if self.tiers_mode == TiersMode.VOLUME:
            return round_half_up(_volume(self.tiers, exact))
        if self.tiers_mode == TiersMode.GRADUATED:
            return round_half_up(_graduated(self.tiers, exact))
        return round_half_up(Fraction(self.unit_amount) * exact)


def _volume(tiers: Sequence[Tier], quantity: Fraction) -> Fraction:
    if not quantity:
        return Fraction(0)
    tier = next(tier for tier in tiers if tier.up_to is None or quantity <= tier.up_to)
    return Fraction(tier.unit_amount) * quantity + tier.flat_amount


def _graduated(tiers: Sequence[Tier], quantity: Fraction) -> Fraction:
    total, below = Fraction(0), Fraction(0)
    for tier in tiers:
        if quantity <= below:
            break
        top = quantity if tier.up_to is None else min(quantity, Fraction(tier.up_to))
        total += Fraction(tier.unit_amount) * (top - below) + tier.flat_amount
        below = top
    return total


def aggregate(values: Sequence[Decimal], how: Aggregation) -> Decimal:
    """Return the quantity that these meter events, in order of time, stand for."""
    if how == Aggregation.COUNT:
        return Decimal(len(values))
    if how == Aggregation.LAST:
        return values[-1] if values else Decimal(0)
    return sum(values, Decimal(0))


@dataclass(frozen=True, slots=True)
class CouponTerms:
    """What a coupon takes off: a percentage, or minor units of the invoice's currency."""

    percent_off: Decimal | None = None
    amount_off: int = 0


def discount_lines(
    amounts: Sequence[int], coupon: CouponTerms, *, prorated: Sequence[bool] = ()
) -> list[int]:
    """
    Return what the coupon takes off each line.

    A percentage is rounded per line and also lessens what a change gives back, for no more was
    paid. An amount is spread over the charges so that no unit is lost, never takes off more than
    they are worth, and leaves prorated lines alone, as at Stripe.
    """
    if coupon.percent_off is not None:
        share = Fraction(coupon.percent_off) / PERCENT
        return [round_half_up(amount * share) for amount in amounts]
    flags = prorated or [False] * len(amounts)
    charges = [
        0 if is_prorated else max(0, amount)
        for amount, is_prorated in zip(amounts, flags, strict=True)
    ]
    total = sum(charges)
    if not total:
        return [0] * len(charges)
    return allocate(min(coupon.amount_off, total), charges)


def tax_of(amount: int, percent: Decimal) -> int:
    """Return the tax on a line's net amount, rounded half away from zero."""
    return round_half_up(Fraction(percent) * amount / PERCENT)


def rounding_amount(total: int, step: int) -> int:
    """Return what brings `total` to the nearest multiple of `step`, halves up (AC-41)."""
    return round_half_up(Fraction(total, step)) * step - total
