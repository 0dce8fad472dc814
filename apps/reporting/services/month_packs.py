"""Freeze the pack of a month as soon as its books are closed."""

from datetime import UTC, datetime, time, timedelta
from typing import Final

from apps.common.origin import CLOCK, Scope
from apps.ledger.models import PeriodClose
from apps.reporting.models import MONTH_CLOSE, ReportRun
from apps.reporting.reports import REPORTS
from apps.reporting.services.report_runs import run_report
from apps.reporting.spans import Span

# Whoever closed the books longer ago than this had all this time; people can still ask for a pack.
LOOK_BACK: Final = timedelta(days=7)


def make_month_packs(*, now: datetime) -> int:
    """
    Make the packs of months that were closed lately and have none; return how many files.

    Books that are closed in the middle of a month end no month.
    """
    made = 0
    for close in PeriodClose.objects.filter(closed_at__gte=now - LOOK_BACK).order_by("pk"):
        span = _month_ended_by(close, now=now)
        made += 0 if span is None else _make_missing(span)
    return made


def _month_ended_by(close: PeriodClose, *, now: datetime) -> Span | None:
    end = datetime.combine(close.closed_through + timedelta(days=1), time(), tzinfo=UTC)
    if end.day != 1:
        return None
    return Span(
        scope=Scope(close.merchant_id, close.livemode),
        since=(end - timedelta(days=1)).replace(day=1),
        until=end,
        made_at=now,
    )


def _make_missing(span: Span) -> int:
    report = REPORTS[MONTH_CLOSE]
    there = ReportRun.objects.filter(
        merchant_id=span.scope.merchant_id,
        livemode=span.scope.livemode,
        report_type=MONTH_CLOSE,
        since=span.since,
        currency="",
        is_draft=False,
    )
    missing = set(report.formats) - set(there.values_list("file_format", flat=True))
    for file_format in sorted(missing):
        run_report(report=report, span=span, file_format=file_format, origin=CLOCK)
    return len(missing)
