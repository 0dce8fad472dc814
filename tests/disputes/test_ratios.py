"""Win rates, and the card schemes' ratios with their own formulas."""

from decimal import Decimal

import pytest

from apps.disputes.ratios import (
    Programme,
    mastercard_ratio,
    projected,
    vamp_ratio,
    win_rate,
)


def test_ac_091_the_win_rate_counts_what_banks_decided() -> None:
    rate = win_rate(won=6, lost=4)

    assert rate.percent == Decimal("60.00")
    assert (rate.low, rate.high) == (Decimal("31.27"), Decimal("83.18"))
    assert rate.is_telling is False


def test_without_decisions_there_is_no_rate() -> None:
    assert win_rate(won=0, lost=0).percent is None


def test_ac_090_visas_ratio_counts_fraud_reports_and_disputes() -> None:
    small = vamp_ratio(fraud_reports=12, disputes=18, settled=2000)
    large = vamp_ratio(fraud_reports=700, disputes=800, settled=100_000)

    assert (small.percent, small.count, small.programme) == (Decimal("1.50"), 30, Programme.NONE)
    assert (large.percent, large.programme) == (Decimal("1.50"), Programme.VAMP)
    assert (small.alert, large.alert) == (100, 100)


@pytest.mark.parametrize(
    ("disputes", "payments", "percent", "programme"),
    [
        (15, 1000, "1.50", Programme.NONE),
        (100, 10_000, "1.00", Programme.NONE),
        (100, 6666, "1.50", Programme.ECM),
        (299, 9000, "3.32", Programme.ECM),
        (300, 10_000, "3.00", Programme.HECM),
        (300, 10_100, "2.97", Programme.ECM),
        (5, 0, "0", Programme.NONE),
    ],
)
def test_ac_090_mastercard_wants_both_the_count_and_the_ratio(
    disputes: int, payments: int, percent: str, programme: Programme
) -> None:
    ratio = mastercard_ratio(disputes=disputes, previous_payments=payments)

    assert (ratio.percent, ratio.programme) == (Decimal(percent), programme)


@pytest.mark.parametrize(("disputes", "alert"), [(7, 0), (8, 50), (12, 75), (15, 100)])
def test_alerts_come_at_half_three_quarters_and_all_of_the_limit(disputes: int, alert: int) -> None:
    assert mastercard_ratio(disputes=disputes, previous_payments=1000).alert == alert


def test_a_month_is_projected_to_its_end_rounding_up() -> None:
    assert projected(10, day=10, days=30) == 30
    assert projected(1, day=7, days=30) == 5
