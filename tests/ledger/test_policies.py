"""Splits lose no unit, conversions keep the rate, hashes cover everything."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ledger.errors import RateStale
from apps.ledger.policies import Rate, allocate, convert, merkle_root, seal_hash

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def rate(value: str, base: str, quote: str, age: timedelta = timedelta(0)) -> Rate:
    return Rate(base=base, quote=quote, value=Decimal(value), source="ecb", as_of=NOW - age)


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (1000, [3333, 3333, 3334], [333, 333, 334]),
        (5000, [3333, 3333, 3334], [1667, 1666, 1667]),
        (100, [1, 1, 1], [34, 33, 33]),
        (1, [1, 1, 1], [1, 0, 0]),
        (0, [1, 2], [0, 0]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (7, [0, 1], [0, 7]),
    ],
)
def test_ac_047_a_split_gives_the_left_over_units_to_the_largest_remainders(
    amount: int, weights: list[int], parts: list[int]
) -> None:
    assert allocate(amount, weights) == parts


@pytest.mark.parametrize("weights", [[], [0, 0], [2, -1]])
def test_a_split_without_sensible_weights_is_a_mistake_of_the_caller(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        allocate(100, weights)


@given(
    st.integers(-(10**12), 10**12),
    st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any),
)
def test_a_split_adds_up_and_no_part_is_a_unit_off(amount: int, weights: list[int]) -> None:
    parts = allocate(amount, weights)

    total = sum(weights)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * total - amount * weight) < total


@pytest.mark.parametrize(
    ("amount", "value", "base", "quote", "converted"),
    [
        (1000, "1.234", "EUR", "USD", 1234),
        (1000, "1.200", "EUR", "USD", 1200),
        (1000, "151.37", "USD", "JPY", 1514),
        (1000, "0.30695", "USD", "KWD", 3070),
        (1000, "0.0067", "JPY", "USD", 670),
    ],
)
def test_ac_046_a_conversion_counts_in_the_minor_units_of_both_currencies(
    amount: int, value: str, base: str, quote: str, converted: int
) -> None:
    conversion = convert(amount, rate(value, base, quote), now=NOW)

    assert (conversion.amount, conversion.currency) == (converted, quote)


def test_ac_046_a_stale_rate_is_refused_with_its_age() -> None:
    old = rate("1.1", "EUR", "USD", age=timedelta(hours=36, seconds=1))

    with pytest.raises(RateStale) as refusal:
        convert(1000, old, now=NOW)

    assert refusal.value.context["source"] == "ecb"
    assert refusal.value.context["as_of"] == "2026-11-18T23:59:59+00:00"
    assert convert(1000, rate("1.1", "EUR", "USD", timedelta(hours=36)), now=NOW).amount == 1100


def test_a_rate_is_kept_with_source_and_time() -> None:
    assert rate("1.234", "EUR", "USD").metadata() == {
        "rate": "EUR/USD 1.234",
        "rate_source": "ecb",
        "rate_as_of": "2026-11-20T12:00:00+00:00",
    }


def test_the_root_changes_with_every_leaf_and_with_their_order() -> None:
    leaves = [bytes([number]) * 32 for number in range(5)]
    root = merkle_root(leaves)

    assert merkle_root(leaves[:1]) == leaves[0]
    assert merkle_root(list(reversed(leaves))) != root
    for place in range(5):
        changed = [*leaves[:place], b"\xff" * 32, *leaves[place + 1 :]]
        assert merkle_root(changed) != root


def test_a_seal_covers_number_root_and_the_seal_before() -> None:
    first = seal_hash(1, b"root", bytes(32))

    assert len({first, seal_hash(2, b"root", bytes(32)), seal_hash(1, b"root", first)}) == 3
