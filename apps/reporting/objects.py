"""How figures, forecasts and report runs look in the API."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps.reporting.models import ReportRun
from apps.reporting.policies import ExpectedPayout
from apps.reporting.reports import Report
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
        "dispute_fees": money.dispute_fees,
        "disputed": money.disputed,
        "disputes": money.disputes,
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
        "draft": run.is_draft,
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
            "filename": run.file_name,
            "purpose": "finance_report_run",
            "rows": run.rows,
            "sha256": run.sha256,
            "type": run.file_format,
            "url": f"/v1/reporting/report_runs/{run.id}/contents",
        },
        "status": "succeeded",
        "succeeded_at": created,
    }


def render_report_type(
    report: Report, *, livemode: bool, first: datetime, last: datetime
) -> dict[str, Any]:
    """Return a report as Stripe's `reporting.report_type`, with the files that it is made as."""
    return {
        "id": report.name,
        "object": "reporting.report_type",
        "data_available_end": int(last.timestamp()),
        "data_available_start": int(first.timestamp()),
        "default_columns": None,
        "description": report.about,
        "formats": list(report.formats),
        "livemode": livemode,
        "name": report.title,
        "updated": int(last.timestamp()),
        "version": report.version,
    }
