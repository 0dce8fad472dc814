"""Make a report's file, once and for all."""

import hashlib
import tempfile
from datetime import timedelta
from pathlib import Path

from apps.backoffice.books import write_book
from apps.common.origin import Origin
from apps.reporting.errors import FormatNotOffered, NotAMonth
from apps.reporting.models import ReportRun
from apps.reporting.reports import Report
from apps.reporting.reports.month import find_close
from apps.reporting.spans import Span

# Further than any month reaches from its first day, and less than two.
_INTO_NEXT_MONTH = timedelta(days=32)


def run_report(*, report: Report, span: Span, file_format: str, origin: Origin) -> ReportRun:
    """
    Make a report's file and keep it; a run later than this may say something else.

    A month's pack is a draft as long as the month is not closed. Once it is, its pack is made once
    in each format, and asking for it again returns that one.

    :raises FormatNotOffered: the report cannot be had as such a file
    :raises NotAMonth: a month's report was asked for other days than a month's
    Source: docs/reporting.md, "Month close pack"
    """
    if file_format not in report.formats:
        raise FormatNotOffered(
            report=report.name, format=file_format, formats=", ".join(report.formats)
        )
    identity = {
        "merchant_id": span.scope.merchant_id,
        "livemode": span.scope.livemode,
        "report_type": report.name,
        "since": span.since,
        "currency": span.currency,
        "file_format": file_format,
    }
    if not report.is_of_a_month:
        return ReportRun.objects.create(**identity, **_make(report, span, file_format, origin))
    _check_month(span)
    if find_close(span) is None:
        made = _make(report, span, file_format, origin)
        return ReportRun.objects.create(**identity, is_draft=True, **made)
    final = ReportRun.objects.filter(**identity, is_draft=False).first()
    if final is not None:
        return final
    # Of two that make it at once the first one counts.
    run, _ = ReportRun.objects.get_or_create(
        **identity, is_draft=False, defaults=_make(report, span, file_format, origin)
    )
    return run


def _check_month(span: Span) -> None:
    start = span.since.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (start + _INTO_NEXT_MONTH).replace(day=1)
    if (span.since, span.until) != (start, end):
        raise NotAMonth(since=span.since.isoformat(), until=span.until.isoformat())
    if start > span.made_at:
        raise NotAMonth(f"The month of {start:%Y-%m} has not begun.")


def _make(report: Report, span: Span, file_format: str, origin: Origin) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"report.{file_format}"
        rows = write_book(report.open(span), path, file_format=file_format)
        content = path.read_bytes()
    return {
        "until": span.until,
        "content": content,
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": rows,
        "requested_by": origin.actor,
        "created_at": span.made_at,
    }
