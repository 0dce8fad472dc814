"""Cells that several reports have."""

from decimal import Decimal

from apps.common.money import to_major

_WHOLE = 10_000


def major(amount: int | None, currency: str) -> Decimal | None:
    """Return minor units as a decimal of major units; none stays none."""
    return None if amount is None else to_major(amount, currency)


def share(part: int, whole: int) -> Decimal | None:
    """Return which part that is, in per cent with two decimals."""
    return percent(part * _WHOLE // whole) if whole else None


def percent(hundredths: int | None) -> Decimal | None:
    """Return hundredths of a per cent as per cent."""
    return None if hundredths is None else Decimal(hundredths).scaleb(-2)
