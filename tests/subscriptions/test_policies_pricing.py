"""Prices, coupons and taxes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.subscriptions.policies.pricing import (
    Aggregation,
    CouponTerms,
    PriceTerms,
    Tier,
    TiersMode,
    aggregate,
    discount_lines,
    rounding_amount,
    tax_of,
)

TIERS = (Tier(5, Decimal(700)), Tier(10, Decimal(650), 100), Tier(None, Decimal(600)))
VOLUME = PriceTerms(tiers=TIERS, tiers_mode=TiersMode.VOLUME)
GRADUATED = PriceTerms(tiers=TIERS, tiers_mode=TiersMode.GRADUATED)


@pytest.mark.parametrize(
    ("terms", "quantity", "amount"),
    [
        (PriceTerms(Decimal(1000)), 3, 3000),
        (PriceTerms(Decimal("0.05")), 1010, 51),
        (PriceTerms(Decimal("0.05")), 1009, 50),
        (PriceTerms(Decimal(1000)), 0, 0),
        (VOLUME, 0, 0),
        (VOLUME, 5, 3500),
        (VOLUME, 6, 4000),
        (VOLUME, 20, 12000),
        (GRADUATED, 0, 0),
        (GRADUATED, 5, 3500),
        (GRADUATED, 6, 4250),
        (GRADUATED, 20, 3500 + 3250 + 100 + 6000),
    ],
)
def test_a_quantity_has_its_price(terms: PriceTerms, quantity: int, amount: int) -> None:
    assert terms.amount(quantity) == amount


@pytest.mark.parametrize(
    ("how", "quantity"),
    [(Aggregation.SUM, "12.5"), (Aggregation.COUNT, "3"), (Aggregation.LAST, "2.5")],
)
def test_usage_becomes_a_quantity(how: Aggregation, quantity: str) -> None:
    values = [Decimal(4), Decimal(6), Decimal("2.5")]

    assert aggregate(values, how) == Decimal(quantity)
    assert aggregate([], how) == 0


def test_a_percentage_is_taken_off_each_line_and_off_what_is_given_back() -> None:
    assert discount_lines([1005, -300, 200], CouponTerms(Decimal(10))) == [101, -30, 20]


def test_an_amount_is_spread_without_losing_a_unit() -> None:
    assert discount_lines([1000, 1000, 1000], CouponTerms(amount_off=100)) == [34, 33, 33]
    assert discount_lines([300, -50], CouponTerms(amount_off=1000)) == [300, 0]
    assert discount_lines([0, -50], CouponTerms(amount_off=1000)) == [0, 0]
    assert discount_lines([500, 300], CouponTerms(amount_off=100), prorated=[True, False]) == [
        0, 100,
    ]  # fmt: skip


def test_tax_is_rounded_half_away_from_zero() -> None:
    assert tax_of(250, Decimal(19)) == 48
    assert tax_of(-250, Decimal(19)) == -48
    assert tax_of(1050, Decimal("7.7")) == 81


def test_ac_041_an_invoice_in_dinars_is_rounded_to_what_can_be_charged() -> None:
    assert rounding_amount(6667, 10) == 3
    assert rounding_amount(6664, 10) == -4
    assert rounding_amount(6660, 10) == 0


@given(st.lists(st.integers(-5000, 5000), min_size=1, max_size=8), st.integers(1, 20000))
def test_an_amount_off_never_exceeds_the_coupon_or_the_charges(
    amounts: list[int], off: int
) -> None:
    taken = discount_lines(amounts, CouponTerms(amount_off=off))

    assert sum(taken) == min(off, sum(max(0, amount) for amount in amounts))
    assert all(0 <= part <= max(0, amount) for part, amount in zip(taken, amounts, strict=True))
