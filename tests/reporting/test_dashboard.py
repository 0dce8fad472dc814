"""The dashboard's numbers equal what a query over the ledger says."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.backoffice.kit.dashboard import Bar, Chart, View
from apps.backoffice.kit.display import money
from apps.reporting.figures import (
    approval_chart,
    dispute_chart,
    forecast_chart,
    health_chart,
    open_view,
    read_today,
    volume_chart,
)
from apps.reporting.models import RollUp
from apps.reporting.services.roll_ups import roll_up_hours
from tests.backoffice.house import furnish
from tests.factories.payments import SCOPE
from tests.fake_gateway import FakeGateway, use_gateways

pytestmark = pytest.mark.django_db

CAPTURED = """
SELECT coalesce(sum(posting.amount), 0), count(DISTINCT entry.id)
  FROM ledger_journalentry entry JOIN ledger_posting posting ON posting.entry_id = entry.id
  JOIN ledger_account account ON account.id = posting.account_id
 WHERE entry.merchant_id = %s AND entry.kind = 'captured' AND posting.layer = 'posted'
   AND account.code IN ('gateway_clearing', 'gateway_fees') AND posting.currency = 'EUR'
   AND entry.booked_at >= %s
"""
REFUNDED = """
SELECT -sum(posting.amount)
  FROM ledger_journalentry entry JOIN ledger_posting posting ON posting.entry_id = entry.id
  JOIN ledger_account account ON account.id = posting.account_id
 WHERE entry.merchant_id = %s AND entry.kind = 'refunded' AND posting.layer = 'posted'
   AND account.code = 'gateway_clearing' AND posting.currency = 'EUR' AND entry.booked_at >= %s
"""
DISPUTED = """
SELECT (SELECT count(*) FROM ledger_journalentry WHERE kind = 'dispute_withdrawn'),
       (SELECT count(*) FROM ledger_journalentry WHERE kind = 'captured')
"""
ATTEMPTS = "SELECT count(*) FROM payments_paymentattempt WHERE status = %s"


@pytest.fixture
def view(settings: Any) -> Iterator[View]:
    fake = FakeGateway()
    with use_gateways(settings, fake):
        furnish(fake)
        now = timezone.now()
        roll_up_hours(since=now - timedelta(hours=1), until=now)
        yield open_view({}, now=now)


def one(sql: str, *params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()


def midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def test_today_s_figures_equal_the_ledger(view: View) -> None:
    captured, count = one(CAPTURED, SCOPE.merchant_id, midnight(view.now))
    (refunded,) = one(REFUNDED, SCOPE.merchant_id, midnight(view.now))

    shown = {figure.label: figure.value for figure in read_today(view)}

    assert captured > 0
    assert shown["Captured today"] == money(int(captured), "EUR")
    assert shown["Payments captured"] == str(count)
    assert shown["Refunded today"] == money(int(refunded), "EUR")


def test_the_last_bar_of_the_volume_is_today_s_ledger(view: View) -> None:
    captured, _ = one(CAPTURED, SCOPE.merchant_id, midnight(view.now))

    *before, today = volume_chart(view).bars

    assert (today.height, today.text, today.is_open) == (
        captured,
        money(int(captured), "EUR"),
        True,
    )
    assert {bar.height for bar in before} == {0}
    assert len(before) == 13


def test_the_approval_rate_equals_a_count_of_the_attempts(view: View) -> None:
    approved = sum(one(ATTEMPTS, status)[0] for status in ("captured", "authorized", "voided"))
    (failed,) = one(ATTEMPTS, "failed")

    (bar,) = approval_chart(view).bars

    assert (bar.label, bar.height) == ("stripe_main", approved * 10_000 // (approved + failed))


def test_the_dispute_ratio_equals_a_count_of_the_journal(view: View) -> None:
    disputed, captured = one(DISPUTED)

    chart = dispute_chart(view)

    assert chart.bars[-1].text.endswith(f"({disputed} of {captured})")
    assert chart.bars[-1].height == disputed * 10_000 // captured
    assert chart.limit == 150


def test_the_hour_without_faults_is_good_and_the_others_quiet(view: View) -> None:
    *quiet, last = health_chart(view).bars

    assert last.text.startswith("0 of ")
    assert {bar.text for bar in quiet} <= {"quiet", last.text}


def test_a_dashboard_reads_few_rows(view: View) -> None:
    with CaptureQueriesContext(connection) as statements:
        read_today(view)
        for read in (volume_chart, approval_chart, dispute_chart, forecast_chart, health_chart):
            read(view)

    assert len(statements) <= 30
    raw = [s["sql"] for s in statements if "payments_payment" in s["sql"]]
    assert raw == []


def test_a_view_can_be_asked_for(view: View) -> None:
    yen = open_view({"currency": "JPY", "merchant": SCOPE.merchant_id}, now=view.now)
    nobody = open_view({"merchant": "mer_nobody"}, now=view.now)

    assert (view.scope, view.currency) == (SCOPE, "EUR")
    assert yen.currency in {"EUR", "JPY"}
    assert nobody.scope == SCOPE


def test_old_figures_are_said_to_be_old(view: View) -> None:
    RollUp.objects.create(rolled_at=view.now - timedelta(minutes=11))

    assert open_view({}, now=view.now).old_at == view.now - timedelta(minutes=11)


def test_bars_stand_to_scale_below_their_limit() -> None:
    bars = [Bar(label="a", height=50, text="50"), Bar(label="b", height=100, text="100")]
    chart = Chart(title="", hint="", columns=("", ""), bars=bars, limit=200)

    heights = [shape["height"] for shape in chart.shapes]

    assert heights == [29, 59]
    assert (chart.limit_y, chart.view_box) == (2, "0 0 192 120")


def test_few_bars_stand_evenly_each_above_its_label() -> None:
    def chart_of(count: int) -> Chart:
        bars = [Bar(label=f"day {number}", height=1, text="1") for number in range(count)]
        return Chart(title="", hint="", columns=("", ""), bars=bars)

    two, ten = chart_of(2), chart_of(10)

    assert [shape["x"] for shape in two.shapes] == [40, 136]
    assert (two.labels, two.is_each_labelled) == (["day 0", "day 1"], True)
    assert [shape["x"] for shape in ten.shapes][:2] == [4, 28]
    assert (ten.labels, ten.is_each_labelled) == (("day 0", "day 9"), False)


def test_volume_and_approvals_are_shown_for_other_periods_and_one_gateway(view: View) -> None:
    month = open_view({"days": "30", "gateway": "stripe_main"}, now=view.now)
    nowhere = open_view({"days": "31", "gateway": "nowhere"}, now=view.now)

    assert len(volume_chart(month).bars) == 30
    assert volume_chart(month).bars[-1].text == volume_chart(view).bars[-1].text
    assert [bar.label for bar in approval_chart(month).bars] == ["stripe_main"]
    assert (nowhere.days, nowhere.gateway) == (0, "")
    ((title, periods),) = month.narrower
    assert title == "Period"
    assert [(label, is_active) for label, _, is_active in periods] == [
        ("7 days", False), ("30 days", True), ("90 days", False),
    ]  # fmt: skip
    assert "gateway=stripe_main" in periods[0][1]
    assert "days=7" in periods[0][1]
    assert "days" not in periods[1][1]
