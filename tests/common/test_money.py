"""Currencies without decimals, with three, and Stripe's special ones."""

import pytest

from apps.common.money import AmountGranularity, check_charge_amount, exponent, to_major, to_minor

WITHOUT_DECIMALS = (
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF",
    "XOF", "XPF",
)  # fmt: skip
WITH_THREE = ("BHD", "JOD", "KWD", "OMR", "TND")


@pytest.mark.parametrize("currency", WITHOUT_DECIMALS)
def test_ac_040_five_hundred_is_five_hundred_where_there_are_no_decimals(currency: str) -> None:
    assert exponent(currency) == 0
    assert to_minor("500", currency) == 500
    assert str(to_major(500, currency)) == "500"
    check_charge_amount(500, currency)


@pytest.mark.parametrize("currency", WITH_THREE)
def test_ac_041_dinars_have_three_decimals_of_which_the_last_is_zero(currency: str) -> None:
    assert to_minor("10.000", currency) == 10_000
    check_charge_amount(5_120, currency)

    with pytest.raises(AmountGranularity) as refusal:
        check_charge_amount(5_125, currency)

    assert refusal.value.context == {"currency": currency, "step": 10, "amount": 5_125}


@pytest.mark.parametrize("currency", ["ISK", "UGX"])
def test_ac_042_crowns_and_shillings_keep_two_decimals_that_must_be_zero(currency: str) -> None:
    assert exponent(currency) == 2
    check_charge_amount(50_000, currency)

    with pytest.raises(AmountGranularity):
        check_charge_amount(50_050, currency)
