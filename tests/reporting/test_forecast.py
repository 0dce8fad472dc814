"""When money arrives, how much, and how wrong the guess was."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.origin import Scope
from apps.ledger import chart
from apps.reconciliation.models import Settlement
from apps.reporting.calendars import PayoutCalendar
from apps.reporting.models import Forecast, HourOfBooks
from apps.reporting.policies import forecast_payouts, mean_error_percent, percentile
from apps.reporting.selectors import forecast_errors, forecast_of
from apps.reporting.services import make_forecasts

EURO = PayoutCalendar(delay=2, market="XECB")
SCOPE = Scope("mer_test", livemode=False)
# A Monday.
TODAY = date(2026, 11, 16)
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("captured", "arrives"),
    [
        (date(2026, 11, 16), date(2026, 11, 18)),  # Monday to Wednesday
        (date(2026, 11, 19), date(2026, 11, 23)),  # Thursday: Friday, then Monday
        (date(2026, 11, 20), date(2026, 11, 24)),  # Friday
        (date(2026, 11, 21), date(2026, 11, 24)),  # Saturday: Monday, then Tuesday
        (date(2026, 11, 22), date(2026, 11, 24)),  # Sunday
        (date(2026, 12, 23), date(2026, 12, 28)),  # the 25th and 26th are closed, the 27th a Sunday
        (date(2026, 12, 31), date(2027, 1, 5)),  # the first of January is closed, then a weekend
    ],
)
def test_ac_098_money_arrives_two_business_days_later(captured: date, arrives: date) -> None:
    assert EURO.arrival_of(captured) == arrives


def test_ac_098_each_gateway_keeps_the_holidays_of_its_own_market() -> None:
    thanksgiving = date(2026, 11, 26)

    assert PayoutCalendar(delay=0, market="XFED").arrival_of(thanksgiving) == date(2026, 11, 27)
    assert PayoutCalendar(delay=0, market="XECB").arrival_of(thanksgiving) == thanksgiving
    assert PayoutCalendar(delay=0).arrival_of(date(2026, 12, 25)) == date(2026, 12, 25)


@given(st.dates(date(2020, 1, 1), date(2035, 12, 31)), st.integers(0, 5))
def test_money_never_arrives_on_a_closed_day_nor_out_of_order(day: date, delay: int) -> None:
    calendar = PayoutCalendar(delay=delay, market="XECB")

    arrives = calendar.arrival_of(day)

    assert calendar.is_business_day(arrives)
    assert arrives >= day + timedelta(days=delay)
    assert calendar.arrival_of(day + timedelta(days=1)) >= arrives


def test_days_that_have_ended_are_known_and_later_ones_are_usual_days() -> None:
    # Seven Mondays of 200..800, too few to speak of growth; Friday and Saturday of last week.
    mondays = {TODAY - timedelta(weeks=back): 900 - 100 * back for back in range(1, 8)}
    booked = {**mondays, date(2026, 11, 13): 5_000, date(2026, 11, 14): 70, TODAY: 250}

    payouts = {p.arrives_on: p for p in forecast_payouts(
        net_by_day=booked, today=TODAY, calendar=PayoutCalendar(delay=2)
    )}  # fmt: skip

    # Friday's and Saturday's money comes on Tuesday, and nothing about it is guessed.
    tuesday = payouts[date(2026, 11, 17)]
    assert (tuesday.known, tuesday.low, tuesday.expected, tuesday.high) == (5070, 5070, 5070, 5070)
    # Today's comes on Wednesday: 250 so far; of seven the middle one is 500, the highest 800.
    wednesday = payouts[date(2026, 11, 18)]
    assert (wednesday.known, wednesday.low, wednesday.expected, wednesday.high) == (
        250, 250, 500, 800,
    )  # fmt: skip
    assert min(payouts) > TODAY


def test_what_is_usual_grows_as_the_last_two_weeks_grew() -> None:
    # Six weeks of 1,000 a Monday, then two of 1,500: two weeks' 3,000 against a mean of 2,250.
    mondays = {TODAY - timedelta(weeks=back): 1_500 if back <= 2 else 1_000 for back in range(1, 9)}

    payouts = forecast_payouts(net_by_day=mondays, today=TODAY, calendar=PayoutCalendar(delay=2))

    assert [(p.arrives_on, p.low, p.expected, p.high) for p in payouts if p.expected] == [
        (date(2026, 11, 18), 1_333, 1_333, 2_000),
        (date(2026, 11, 25), 1_333, 1_333, 2_000),
    ]


def test_a_young_account_counts_only_the_weeks_it_has() -> None:
    booked = {TODAY - timedelta(weeks=1): 600}

    payouts = forecast_payouts(net_by_day=booked, today=TODAY, calendar=PayoutCalendar(delay=2))

    assert [(p.arrives_on, p.expected) for p in payouts if p.expected] == [
        (date(2026, 11, 18), 600),
        (date(2026, 11, 25), 600),
    ]


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=8))
def test_percentiles_lie_in_order_within_what_was_seen(values: list[int]) -> None:
    ordered = sorted(values)
    tenth, half, ninetieth = (percentile(ordered, share) for share in (10, 50, 90))

    assert ordered[0] <= tenth <= half <= ninetieth <= ordered[-1]


def test_the_error_is_the_mean_of_the_days_on_which_something_came() -> None:
    # 10 % too low, 30 % too high, and a day without a payout.
    assert mean_error_percent([(900, 1000), (1300, 1000), (50, 0)]) == 2000
    assert mean_error_percent([(50, 0)]) is None


def booked_hour(day: date, amount: int, **changes: Any) -> HourOfBooks:
    fields = {
        "merchant_id": SCOPE.merchant_id,
        "livemode": False,
        "hour": datetime(day.year, day.month, day.day, 10, tzinfo=UTC),
        "kind": "captured",
        "account": chart.GATEWAY_CLEARING,
        "gateway": "stripe_main",
        "currency": "EUR",
        "entries": 1,
        "amount": amount,
    }
    return HourOfBooks.objects.create(**(fields | changes))


@pytest.mark.django_db
def test_refunds_and_fees_lower_what_arrives_and_settled_money_does_not_count_again() -> None:
    friday = date(2026, 11, 13)
    booked_hour(friday, 10_000)
    booked_hour(friday, -2_000, kind="refunded")
    booked_hour(friday, -320, kind="fee_charged")
    booked_hour(friday, -5_000, kind="settled")
    booked_hour(friday, 2_000, kind="refunded", account=chart.REFUNDS, gateway="")
    booked_hour(friday, 99_000, gateway="adyen_main")
    booked_hour(friday, 88_000, currency="USD")

    payouts = forecast_of(scope=SCOPE, gateway="stripe_main", currency="EUR", now=NOON)

    assert [(p.arrives_on, p.known) for p in payouts if p.known] == [(date(2026, 11, 17), 7_680)]


@pytest.mark.django_db
def test_a_day_is_the_gateways_own(settings: Any) -> None:
    settings.RECONCILIATION_TIME_ZONES = {"stripe_main": "America/Los_Angeles"}
    # Three in the morning in UTC is the evening before there.
    booked_hour(TODAY, 700, hour=datetime(2026, 11, 14, 3, tzinfo=UTC))

    payouts = forecast_of(scope=SCOPE, gateway="stripe_main", currency="EUR", now=NOON)

    # Friday's money; Saturday's would come on the same Tuesday, so look at the known part's day.
    assert [(p.arrives_on, p.known) for p in payouts if p.known] == [(date(2026, 11, 17), 700)]


@pytest.mark.django_db
def test_a_forecast_is_kept_once_a_day_and_its_error_is_told() -> None:
    booked_hour(date(2026, 11, 13), 10_000)

    assert make_forecasts(now=NOON) == 1
    assert make_forecasts(now=NOON + timedelta(hours=1)) == 0
    stored = Forecast.objects.get(made_on=TODAY, arrives_on=date(2026, 11, 17))
    assert (stored.known, stored.low, stored.expected, stored.high) == (10_000,) * 4

    Settlement.objects.create(
        merchant_id=SCOPE.merchant_id,
        livemode=False,
        gateway="stripe_main",
        reference="po_1",
        currency="EUR",
        amount=8_000,
        paid_on=date(2026, 11, 17),
        created_at=NOON,
    )
    # A day ahead: 2,000 too much of 8,000.
    assert forecast_errors(scope=SCOPE, now=NOON + timedelta(days=2)) == {1: 2500}
