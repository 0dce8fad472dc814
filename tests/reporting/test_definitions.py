"""
Every figure equals its defining query over the facts: 60 seeded days, and facts that came late.

The queries say what a figure means in the tables of those who made the facts, and know nothing of
the hours that reports read.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from apps.backoffice.kit.dashboard import Chart, View
from apps.backoffice.kit.display import money
from apps.reporting import figures
from apps.reporting.models import COUNTED_EVENTS
from apps.reporting.reports import payments
from apps.reporting.selectors import (
    Interval,
    count_declines,
    count_events,
    summarise_money,
    summarise_tries,
)
from apps.reporting.spans import Span
from tests.factories.payments import SCOPE
from tests.reporting.history import DAYS, GATEWAY, MIDNIGHT, NOW, SINCE, UNTIL

# Without it, this module run alone would look at the database of development.
pytestmark = pytest.mark.django_db

BOOKS = """
SELECT date_trunc('{interval}', entry.booked_at, 'UTC'), posting.currency, {what}
  FROM ledger_journalentry entry
  JOIN ledger_posting posting ON posting.entry_id = entry.id AND posting.layer = 'posted'
  JOIN ledger_account account ON account.id = posting.account_id
 WHERE entry.merchant_id = 'mer_test' AND NOT entry.livemode AND {where}
 GROUP BY 1, 2
"""
AT_GATEWAY = "account.code = 'gateway_clearing'"
GROSS = "account.code IN ('gateway_clearing', 'gateway_fees', 'dispute_fees')"
# Money that left the gateway as a payout, and what people booked by hand or took back.
NOT_EARNED = "('settled', 'payout_paid', 'payout_returned', 'manual', 'reversed')"

MONEY = {
    "captured": ("sum(posting.amount)", f"{GROSS} AND entry.kind = 'captured'"),
    "captures": ("count(DISTINCT entry.id)", f"{AT_GATEWAY} AND entry.kind = 'captured'"),
    "refunded": ("-sum(posting.amount)", f"{GROSS} AND entry.kind LIKE 'refund%%'"),
    "refunds": (
        "sum(CASE entry.kind WHEN 'refunded' THEN 1 ELSE -1 END)",
        f"{AT_GATEWAY} AND entry.kind LIKE 'refund%%'",
    ),
    "disputed": (
        "sum(posting.amount)",
        "account.code = 'dispute_withheld' AND entry.kind IN"
        " ('dispute_withdrawn', 'dispute_reinstated')",
    ),
    "disputes": ("count(DISTINCT entry.id)", f"{AT_GATEWAY} AND entry.kind = 'dispute_withdrawn'"),
    "dispute_fees": ("sum(posting.amount)", "account.code = 'dispute_fees'"),
    "fees": ("sum(posting.amount)", "account.code IN ('gateway_fees', 'dispute_fees')"),
    "net": ("sum(posting.amount)", f"{AT_GATEWAY} AND entry.kind NOT IN {NOT_EARNED}"),
}

ATTEMPTS = """
SELECT date_trunc('{interval}', created_at, 'UTC'), currency, count(*)
  FROM payments_paymentattempt
 WHERE merchant_id = 'mer_test' AND NOT livemode AND {where} GROUP BY 1, 2
"""
APPROVED = "status IN ('authorized', 'captured', 'voided')"
DECLINED = "status = 'failed' AND error_class <> 'not_sent'"
TRIES = {"attempts": "true", "approved": APPROVED, "declined": DECLINED}


def ask(sql: str, *params: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def by_period(sql: str, interval: str, **parts: str) -> dict[Any, int]:
    rows = ask(sql.format(interval=interval, **parts))
    return {(period, currency): int(value) for period, currency, value in rows if value}


def window(interval: Interval) -> dict[str, Any]:
    return {"scope": SCOPE, "since": SINCE, "until": UNTIL, "interval": interval}


def nonzero(rows: dict[Any, Any], name: str) -> dict[Any, int]:
    return {key: getattr(row, name) for key, row in rows.items() if getattr(row, name)}


@pytest.mark.parametrize("interval", list(Interval))
@pytest.mark.parametrize("name", sorted(MONEY))
def test_each_figure_of_money_equals_its_query(facts: None, name: str, interval: Interval) -> None:
    what, where = MONEY[name]
    defined = by_period(BOOKS, str(interval), what=what, where=where)

    assert nonzero(summarise_money(**window(interval)), name) == defined
    assert defined


@pytest.mark.parametrize("name", sorted(MONEY))
def test_each_figure_of_a_gateway_equals_its_query(facts: None, name: str) -> None:
    what, where = MONEY[name]
    # The withheld money's account has the gateway as its owner, as the others do.
    defined = by_period(BOOKS, "month", what=what, where=f"{where} AND account.owner = '{GATEWAY}'")

    shown = summarise_money(**window(Interval.MONTH), gateway=GATEWAY)

    assert nonzero(shown, name) == defined


@pytest.mark.parametrize("interval", list(Interval))
@pytest.mark.parametrize("name", sorted(TRIES))
def test_each_figure_of_attempts_equals_its_query(
    facts: None, name: str, interval: Interval
) -> None:
    defined = by_period(ATTEMPTS, str(interval), where=TRIES[name])

    assert nonzero(summarise_tries(**window(interval)), name) == defined
    assert defined


def test_the_approval_rate_equals_its_query(facts: None) -> None:
    approved, declined = (
        by_period(ATTEMPTS, "month", where=where) for where in (APPROVED, DECLINED)
    )

    shown = summarise_tries(**window(Interval.MONTH))

    assert {key: row.approval_rate for key, row in shown.items()} == {
        key: approved[key] * 10_000 // (approved[key] + declined.get(key, 0)) for key in approved
    }


def test_each_class_of_decline_equals_its_query(facts: None) -> None:
    defined = ask(
        "SELECT gateway, error_class, count(*) FROM payments_paymentattempt"
        " WHERE merchant_id = 'mer_test' AND status = 'failed' GROUP BY 1, 2"
    )

    shown = count_declines(scope=SCOPE, since=SINCE, until=UNTIL)

    assert shown == {(gateway, reason): count for gateway, reason, count in defined}
    assert {"not_sent", "terminal"} <= {reason for _, reason in shown}


@pytest.mark.parametrize("type_", COUNTED_EVENTS)
def test_each_counted_event_equals_its_query(facts: None, type_: str) -> None:
    defined = ask(
        "SELECT date_trunc('day', created_at, 'UTC'), count(*) FROM outbox_event"
        " WHERE merchant_id = 'mer_test' AND NOT livemode AND created_at >= %s AND type = %s"
        " GROUP BY 1 ORDER BY 1",
        SINCE,
        type_,
    )

    shown = count_events(scope=SCOPE, since=SINCE, until=UNTIL, types=(type_,))

    assert [(day, events[type_]) for day, events in shown.items()] == defined
    assert defined


@dataclass(frozen=True)
class Shown:
    """A number of the first page, and what it must be."""

    read: Callable[[View], Any]
    defined: Callable[[], Any]


def today_of(name: str) -> int:
    what, where = MONEY[name]
    return by_period(BOOKS, "day", what=what, where=where).get((MIDNIGHT, "EUR"), 0)


def tries_of(where: str) -> int:
    return sum(by_period(ATTEMPTS, "day", where=where).values())


def figure(label: str) -> Callable[[View], str]:
    return lambda view: next(row.value for row in figures.read_today(view) if row.label == label)


def hint(label: str) -> Callable[[View], str]:
    return lambda view: next(row.hint for row in figures.read_today(view) if row.label == label)


def change_of(name: str) -> str:
    """Return how much more today is than yesterday was by this hour."""
    what, where = MONEY[name]
    hours = by_period(BOOKS, "hour", what=what, where=where)
    day = timedelta(days=1)
    yesterday = sum(
        value
        for (hour, currency), value in hours.items()
        if currency == "EUR" and MIDNIGHT - day <= hour < UNTIL - day
    )
    assert yesterday > 0
    return f"{(today_of(name) - yesterday) * 100 / yesterday:+.0f} % against yesterday by this hour"


def rate_of(since: datetime, where: str = "true") -> int:
    recent = f"created_at >= '{since.isoformat()}' AND {where}"
    approved = tries_of(f"{APPROVED} AND {recent}")
    return approved * 10_000 // (approved + tries_of(f"{DECLINED} AND {recent}"))


def volume() -> list[int]:
    what, where = MONEY["captured"]
    days = by_period(BOOKS, "day", what=what, where=where)
    last = [MIDNIGHT - timedelta(days=back) for back in range(figures.DAYS_SHOWN)]
    return [days.get((day, "EUR"), 0) for day in reversed(last)]


def dispute_ratios() -> list[int]:
    counted = ask(
        "SELECT month, count(*) FILTER (WHERE kind = 'dispute_withdrawn') * 10000"
        " / greatest(1, count(*) FILTER (WHERE kind = 'captured'))"
        " FROM (SELECT date_trunc('month', booked_at, 'UTC') AS month, kind FROM"
        " ledger_journalentry WHERE merchant_id = 'mer_test') AS entries GROUP BY 1 ORDER BY 1"
    )
    known = [int(ratio) for _, ratio in counted]
    return [0] * (figures.MONTHS_SHOWN - len(known)) + known


def faults() -> list[str]:
    since = UNTIL - timedelta(hours=figures.HOURS_SHOWN)
    counted = ask(
        "SELECT date_trunc('hour', created_at, 'UTC'), count(*), count(*) FILTER (WHERE"
        " status = 'unknown' OR error_class IN ('not_sent', 'unknown'))"
        " FROM payments_paymentattempt WHERE merchant_id = 'mer_test' AND created_at >= %s"
        " GROUP BY 1",
        since,
    )
    by_hour = {hour: f"{bad:,} of {all_:,} without an answer" for hour, all_, bad in counted}
    hours = [since + timedelta(hours=number) for number in range(figures.HOURS_SHOWN)]
    return [by_hour.get(hour, "quiet") for hour in hours]


def gateway_rates() -> dict[str, int]:
    names = [name for (name,) in ask("SELECT DISTINCT gateway FROM payments_paymentattempt")]
    week = UNTIL - timedelta(days=figures.RATE_DAYS)
    return {name: rate_of(week, f"gateway = '{name}'") for name in names}


WEEK_AGO = MIDNIGHT - timedelta(days=figures.RATE_DAYS)
BEFORE_TODAY = f"created_at < '{MIDNIGHT.isoformat()}'"
FIRST_PAGE = {
    "captured today": Shown(
        figure("Captured today"), lambda: money(today_of("captured"), "EUR")
    ),
    "payments captured": Shown(
        figure("Payments captured"), lambda: str(today_of("captures"))
    ),
    "refunded today": Shown(figure("Refunded today"), lambda: money(today_of("refunded"), "EUR")),
    "approved attempts": Shown(
        figure("Approved attempts"), lambda: f"{rate_of(MIDNIGHT) / 100:.1f} %"
    ),
    "captured yesterday": Shown(hint("Captured today"), lambda: change_of("captured")),
    "captures yesterday": Shown(hint("Payments captured"), lambda: change_of("captures")),
    "refunds today": Shown(hint("Refunded today"), lambda: f"{today_of('refunds'):,} refunds"),
    "approved before": Shown(
        hint("Approved attempts"),
        lambda: f"{rate_of(WEEK_AGO, BEFORE_TODAY) / 100:.1f} % in the 7 days before",
    ),
    "captured volume": Shown(
        lambda view: [bar.height for bar in figures.volume_chart(view).bars], volume
    ),
    "approval rate": Shown(
        lambda view: {bar.label: bar.height for bar in figures.approval_chart(view).bars},
        gateway_rates,
    ),
    "dispute ratio": Shown(
        lambda view: [bar.height for bar in figures.dispute_chart(view).bars], dispute_ratios
    ),
    "health of the gateways": Shown(
        lambda view: [bar.text for bar in figures.health_chart(view).bars], faults
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FIRST_PAGE)
def test_each_number_of_the_first_page_equals_its_query(facts: None, name: str) -> None:
    view = figures.open_view({}, now=NOW)
    assert (view.scope, view.currency) == (SCOPE, "EUR")

    assert FIRST_PAGE[name].read(view) == FIRST_PAGE[name].defined()


def drawn_money(name: str, span: Span, interval: str) -> list[int]:
    what, where = MONEY[name]
    rows = by_period(BOOKS, interval, what=what, where=where)
    return [rows.get((start, "EUR"), 0) for start in starts(span, interval)]


def starts(span: Span, interval: str) -> list[datetime]:
    return [
        start
        for (start,) in ask(
            "SELECT generate_series(date_trunc(%s, %s::timestamptz, 'UTC'), %s, %s::interval)",
            interval, span.since, span.until - timedelta(seconds=1), f"1 {interval}",
        )
    ]  # fmt: skip


def drawn_declines(span: Span, _interval: str) -> list[int]:
    return [
        number
        for _, number in ask(
            "SELECT error_class, count(*) FROM payments_paymentattempt"
            " WHERE merchant_id = 'mer_test' AND status = 'failed' AND created_at >= %s"
            " GROUP BY 1 ORDER BY 2 DESC, 1",
            span.since,
        )
    ]


def drawn_rates(span: Span, _interval: str) -> list[int]:
    names = [name for (name,) in ask("SELECT DISTINCT gateway FROM payments_paymentattempt")]
    return [rate_of(span.since, f"gateway = '{name}'") for name in sorted(names)]


def drawn_ratios(span: Span, _interval: str) -> list[int]:
    """Return the ratio of each month, of which a report may have some days only."""
    months: dict[datetime, Counter[str]] = {at: Counter() for at in starts(span, "month")}
    for name in ("disputes", "captures"):
        for day, number in zip(starts(span, "day"), drawn_money(name, span, "day"), strict=True):
            months[day.replace(day=1)][name] += number
    return [
        counts["disputes"] * 10_000 // counts["captures"] if counts["captures"] else 0
        for counts in months.values()
    ]


def drawn_failures(span: Span, interval: str) -> list[int]:
    counted = dict(
        ask(
            "SELECT date_trunc(%s, created_at, 'UTC'), count(*) FROM outbox_event"
            " WHERE merchant_id = 'mer_test' AND type = 'invoice.payment_failed'"
            " AND created_at >= %s GROUP BY 1",
            interval, span.since,
        )
    )  # fmt: skip
    return [counted.get(start, 0) for start in starts(span, interval)]


REPORTS_DRAWN: dict[str, tuple[Callable[[Span], Chart], Callable[[Span, str], list[int]]]] = {
    "volume": (payments.draw_volume, partial(drawn_money, "captured")),
    "refunds": (payments.draw_refunds, partial(drawn_money, "refunded")),
    "approval": (payments.draw_approval, drawn_rates),
    "declines": (payments.draw_declines, drawn_declines),
    "disputes": (payments.draw_disputes, drawn_ratios),
    "dunning": (payments.draw_dunning, drawn_failures),
}


@pytest.mark.parametrize(("days", "interval"), [(14, "day"), (DAYS, "month")])
@pytest.mark.parametrize("name", REPORTS_DRAWN)
def test_each_bar_of_a_report_equals_its_query(
    facts: None, name: str, days: int, interval: str
) -> None:
    # Whole months, since the bar of a month counts what lies within the report's days.
    since = MIDNIGHT - timedelta(days=days)
    span = Span(
        SCOPE, since.replace(day=1) if interval == "month" else since, UNTIL,
        made_at=NOW, currency="EUR",
    )  # fmt: skip
    draw, defined = REPORTS_DRAWN[name]

    heights = [bar.height for bar in draw(span).bars]

    assert heights == defined(span, interval)
    assert any(heights)


def test_the_payouts_of_the_first_page_begin_with_what_is_booked(facts: None) -> None:
    view = figures.open_view({}, now=NOW)
    what, where = MONEY["net"]
    earned = by_period(BOOKS, "day", what=what, where=where)

    # The gateway pays two business days later: on Monday arrives what Thursday added.
    thursday = datetime(2026, 11, 19, tzinfo=UTC)
    monday = next(bar for bar in figures.forecast_chart(view).bars if bar.label == "11-23")

    assert monday.height == monday.low == monday.high == earned[thursday, "EUR"]
