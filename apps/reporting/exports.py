"""Reports as files that staff ask for: the same job makes them that makes files of lists."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.core.exceptions import PermissionDenied
from django.http import QueryDict

from apps.backoffice.books import Book
from apps.backoffice.models import Export
from apps.common.origin import Scope
from apps.reporting.reports import REPORTS, Report
from apps.reporting.spans import Span

# Who may see the reports' screens may have their files.
PERMISSION: Final = "reporting.view_reportrun"
DEFAULT_DAYS: Final = 30
# Further than any month reaches from its first day, and less than two.
_INTO_NEXT_MONTH: Final = timedelta(days=32)


def read_report(export: Export) -> Book:
    """
    Open a report as its screen's address has it.

    :raises PermissionDenied: the person may not see reports any more
    """
    if not export.user.has_perm(PERMISSION):
        raise PermissionDenied(export.source)
    report = REPORTS[export.source]
    return report.open(read_span(report, QueryDict(export.query).dict(), now=export.requested_at))


def read_span(report: Report, asked: Mapping[str, str], *, now: datetime) -> Span:
    """
    Return what an address asks for: `merchant`, `mode`, `currency`, and `since` and `until` (days).

    A report of a month takes the month of `since`, the last one if none is named, in every
    currency. What makes no sense is taken for not said.
    """
    today = now.astimezone(UTC).date()
    last = _day(asked.get("until", "")) or today
    first = _day(asked.get("since", "")) or last - timedelta(days=DEFAULT_DAYS - 1)
    if report.is_of_a_month:
        month = _day(asked.get("since", "")) or today.replace(day=1) - timedelta(days=1)
        first = month.replace(day=1)
        last = (first + _INTO_NEXT_MONTH).replace(day=1) - timedelta(days=1)
    first = min(first, last)
    return Span(
        scope=Scope(asked.get("merchant", ""), livemode=asked.get("mode") == "live"),
        since=_midnight(first),
        until=_midnight(last + timedelta(days=1)),
        made_at=now,
        currency="" if report.is_of_a_month else asked.get("currency", ""),
    )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text if len(text) > len("2026-11") else f"{text}-01")
    except ValueError:
        return None
