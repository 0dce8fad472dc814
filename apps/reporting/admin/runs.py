"""Reports as pages with a picture, and the files that were kept of them."""

from collections.abc import Mapping
from decimal import Decimal
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from apps.backoffice.books import number_columns
from apps.backoffice.kit.dashboard import View
from apps.backoffice.kit.dialogs import Dialog
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    identifier,
    mode_chip,
    moment,
    stacked,
    words,
)
from apps.backoffice.kit.filters import created_filter, values_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Table, Text
from apps.backoffice.sheets import Cell, Sheet
from apps.reporting.admin.dialogs import (
    DownloadReportDialog,
    ExportReportDialog,
    KeepReportDialog,
    ReportDialog,
)
from apps.reporting.admin.display import days_in_words
from apps.reporting.exports import read_span
from apps.reporting.figures import open_view
from apps.reporting.models import ReportRun
from apps.reporting.reports import REPORTS, Report
from apps.reporting.reports.month import find_close
from apps.reporting.spans import Span

# A page shows the beginning; a file has all rows.
ROWS_SHOWN: Final = 200
# What the address of a report's page says; all of it is named, so that it can be passed on.
_ASKED: Final = ("report", "merchant", "mode", "currency", "since", "until")


@admin.register(ReportRun)
class ReportRunAdmin(ObjectAdmin):
    """Files of reports that were made once and kept; and the pages of the reports themselves."""

    search_help_text = "Id or SHA-256"
    list_display = ("what", "days", "state", "count", "by", "made")
    list_filter = (
        values_filter("report_type", lambda: REPORTS),
        "livemode",
        created_filter("frr"),
    )
    list_defers = ("content",)
    list_dialogs = (ExportReportDialog, KeepReportDialog)
    dialogs = (DownloadReportDialog,)

    @admin.display(description="Report")
    def what(self, run: ReportRun) -> SafeString:
        """Return the report and the file."""
        return stacked(_title(run), run.file_name)

    @admin.display(description="Days")
    def days(self, run: ReportRun) -> str:
        """Return what it is about."""
        return days_in_words(run.since, run.until)

    @admin.display(description="State")
    def state(self, run: ReportRun) -> SafeString:
        """Return whether it is final."""
        return _state(run)

    @admin.display(description="Rows")
    def count(self, run: ReportRun) -> str:
        """Return how many rows it has."""
        return f"{run.rows:,}"

    @admin.display(description="Asked by")
    def by(self, run: ReportRun) -> str:
        """Return who asked for it."""
        return run.requested_by

    @admin.display(description="Made")
    def made(self, run: ReportRun) -> Text:
        """Return when."""
        return moment(run.created_at)

    def look_up(self, term: str) -> Q | None:
        """Search by the id, or by the digest of a file that somebody has."""
        return Q(pk=term) | Q(sha256=term.lower())

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return one file."""
        return Page(
            heading=_title(obj),
            chips=(_state(obj), mode_chip(livemode=obj.livemode)),
            subtitle=identifier(obj.id),
            main=(
                Facts(
                    "File",
                    [
                        ("Name", obj.file_name),
                        ("Days", days_in_words(obj.since, obj.until)),
                        ("Currency", obj.currency or "Every one"),
                        ("Rows", self.count(obj)),
                        ("Size", filesizeformat(len(obj.content))),
                        ("SHA-256", identifier(obj.sha256)),
                        ("Asked by", obj.requested_by),
                        ("Made", moment(obj.created_at)),
                        ("Merchant", obj.merchant_id),
                    ],
                ),
            ),
        )

    def get_urls(self) -> list[URLPattern]:
        """Add the reports' own pages, before the pattern that takes every path for an id."""
        view = self.admin_site.admin_view(self.report_view)
        return [path("reports/", view, name="reporting_reports"), *super().get_urls()]

    def report_view(self, request: HttpRequest) -> HttpResponse:
        """Show what reports there are, or one of them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        name = request.GET.get("report")
        if name is None:
            index = {"title": "Reports", "reports": REPORTS.values()}
            return self._show(request, "index", index)
        report = REPORTS.get(name)
        if report is None:
            raise Http404
        now = timezone.now()
        view = open_view(request.GET, now=now)
        asked = _asked(request, view)
        span = read_span(report, asked, now=now)
        named = {**asked, "since": f"{span.since:%Y-%m-%d}", "until": f"{span.last_day}"}
        if {key: request.GET.get(key, "") for key in named} != named:
            return redirect(f"{request.path}?{urlencode(named)}")
        context: dict[str, Any] = {
            "title": report.title,
            "report": report,
            "choices": _choices(report, view, named),
            "asked": named,
            "chart": report.draw(span) if report.draw else None,
            "tables": [_table(sheet, report) for sheet in report.read(span)],
            "state": _state_of(report, span),
            "old_at": view.old_at,
            "dialogs": [
                offer
                for offer in self.offers(request, None)
                if isinstance(offer["dialog"], ReportDialog)
            ],
        }
        return self._show(request, "report", context)

    def _show(
        self, request: HttpRequest, template: str, context: Mapping[str, Any]
    ) -> TemplateResponse:
        everywhere = {**self.admin_site.each_context(request), "opts": self.opts}
        template = f"admin/reporting/{template}.html"
        return TemplateResponse(request, template, {**everywhere, **context})

    def _home_url(self, dialog: Dialog, *, is_gone: bool = False) -> str:
        if isinstance(dialog, ReportDialog) and dialog.is_offered():
            return f"{reverse('admin:reporting_reports')}?{dialog.place.query}"
        return super()._home_url(dialog, is_gone=is_gone)


def _title(run: ReportRun) -> str:
    report = REPORTS.get(run.report_type)
    return report.title if report else run.report_type


def _state(run: ReportRun) -> SafeString:
    return chip("Draft", Tone.WARNING) if run.is_draft else chip("Final", Tone.GOOD)


def _state_of(report: Report, span: Span) -> SafeString | str:
    """Return whether a month is closed; other reports have no end."""
    if not report.is_of_a_month:
        return ""
    return chip("Closed", Tone.GOOD) if find_close(span) else chip("Draft", Tone.WARNING)


def _asked(request: HttpRequest, view: View) -> dict[str, str]:
    """Return the address with whose figures it is about, whether it names them or not."""
    asked = {key: request.GET.get(key, "") for key in _ASKED}
    mode = "live" if view.scope.livemode else "test"
    return {
        **asked,
        "merchant": view.scope.merchant_id,
        "mode": mode,
        "currency": view.currency,
    }


def _choices(report: Report, view: View, asked: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """Return the same report of other currencies and merchants; a month's has every currency."""
    kept = {key: asked[key] for key in ("report", "since", "until")}
    named = [
        (label, QueryDict(query).dict(), is_active) for label, query, is_active in view.choices
    ]
    return [
        (label, urlencode({**kept, **query}), is_active)
        for label, query, is_active in named
        if not (report.is_of_a_month and "currency" in query)
    ]


def _table(sheet: Sheet, report: Report) -> Table:
    rows = iter(sheet.rows)
    shown = list(islice(rows, ROWS_SHOWN))
    is_cut = next(rows, None) is not None
    title = sheet.title or report.title
    return Table(
        f"{title} (the first {ROWS_SHOWN} rows; a file has all)" if is_cut else title,
        [words(column) for column in sheet.columns],
        [[_cell(cell) for cell in row] for row in shown],
        empty="Nothing in these days.",
        numbers=number_columns(shown),
    )


def _cell(cell: Cell) -> str:
    if cell is None:
        return NOTHING
    return f"{cell:,}" if isinstance(cell, int | Decimal) else str(cell)
