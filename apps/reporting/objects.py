"""How figures, forecasts and report runs look in the API."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps.reporting.models import ReportRun
from apps.reporting.policies import ExpectedPayout
from apps.reporting.selectors import Money, Period, Tries


def render_summary(
    money: Mapping[Period, Money], tries: Mapping[Period, Tries], *, as_of: datetime | None
) -> dict[str, Any]:
    """Return a row per period and currency; `approval_rate` is in hundredths of a per cent."""
    return {
        "object": "reports.summary",
        "as_of": None if as_of is None else int(as_of.timestamp()),
        "data": [
            _row(period, money.get(period, Money()), tries.get(period, Tries()))
            for period in sorted({*money, *tries})
        ],
    }


def _row(period: Period, money: Money, tries: Tries) -> dict[str, Any]:
    start, currency = period
    return {
        "period_start": int(start.timestamp()),
        "currency": currency.lower(),
        "attempts": tries.attempts,
        "approved": tries.approved,
        "declined": tries.declined,
        "approval_rate": tries.approval_rate,
        "captured": money.captured,
        "captures": money.captures,
        "disputed": money.disputed,
        "fees": money.fees,
        "net": money.net,
        "refunded": money.refunded,
        "refunds": money.refunds,
    }


def render_expected_payout(gateway: str, currency: str, payout: ExpectedPayout) -> dict[str, Any]:
    """Return one line of the forecast: `low` and `high` are percentiles 10 and 90."""
    return {
        "arrives_on": payout.arrives_on.isoformat(),
        "currency": currency.lower(),
        "expected": payout.expected,
        "gateway": gateway,
        "high": payout.high,
        "known": payout.known,
        "low": payout.low,
    }


def render_report_run(run: ReportRun) -> dict[str, Any]:
    """Return the run as Stripe's `reporting.report_run`; its file is read at `result.url`."""
    created = int(run.created_at.timestamp())
    return {
        "id": run.id,
        "object": "reporting.report_run",
        "created": created,
        "error": None,
        "livemode": run.livemode,
        "parameters": {
            "currency": run.currency.lower() or None,
            "interval_end": int(run.until.timestamp()),
            "interval_start": int(run.since.timestamp()),
        },
        "report_type": run.report_type,
        "result": {
            "id": run.id,
            "object": "file",
            "created": created,
            "filename": f"{run.report_type}.csv",
            "purpose": "finance_report_run",
            "rows": run.rows,
            "sha256": run.sha256,
            "type": "csv",
            "url": f"/v1/reporting/report_runs/{run.id}/contents",
        },
        "status": "succeeded",
        "succeeded_at": created,
    }
