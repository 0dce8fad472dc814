"""Monthly recurring revenue: what active subscriptions are worth per month, exactly."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from apps.subscriptions.policies.time import Interval, IntervalUnit

# A year has 365.25 days on average, so a month of twelve equal ones has this many.
_DAYS_PER_MONTH = Fraction(36525, 1200)
_MONTHS = {
    IntervalUnit.DAY: 1 / _DAYS_PER_MONTH,
    IntervalUnit.WEEK: 7 / _DAYS_PER_MONTH,
    IntervalUnit.MONTH: Fraction(1),
    IntervalUnit.YEAR: Fraction(12),
}


def monthly(amount: int, interval: Interval) -> Fraction:
    """Return what `amount` minor units per interval are per month."""
    return Fraction(amount) / (_MONTHS[interval.unit] * interval.count)


def kept(amount: Fraction) -> Decimal:
    """Return the amount as it is stored: with six decimals of a minor unit."""
    return (Decimal(amount.numerator) / amount.denominator).quantize(Decimal("0.000001"))


@dataclass(frozen=True, slots=True)
class Movement:
    """How the revenue of one day became that of a later one; `churn` and `contraction` are lost."""

    new: Fraction
    expansion: Fraction
    contraction: Fraction
    churn: Fraction

    @property
    def net(self) -> Fraction:
        """What it grew by."""
        return self.new + self.expansion - self.contraction - self.churn


def movement(before: Mapping[str, Fraction], after: Mapping[str, Fraction]) -> Movement:
    """Compare two days, each a map of subscription to its monthly revenue."""
    changes = {
        key: after[key] - amount for key, amount in before.items() if amount and after.get(key)
    }
    return Movement(
        new=sum((after[key] for key in after if not before.get(key)), Fraction(0)),
        expansion=sum((change for change in changes.values() if change > 0), Fraction(0)),
        contraction=-sum((change for change in changes.values() if change < 0), Fraction(0)),
        churn=sum((before[key] for key in before if not after.get(key)), Fraction(0)),
    )
