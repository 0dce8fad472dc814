"""What is done with a report: a file for oneself, a file for good, and fetching that."""

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import IO, Any, Final

from django import forms
from django.http import QueryDict
from django.utils import timezone

from apps.backoffice.kit.dialogs import Dialog, DialogForm, DownloadDialog, Outcome
from apps.backoffice.services.exports import EXPORT_LIFETIME, request_export
from apps.common.origin import Origin
from apps.reporting.admin.display import days_in_words
from apps.reporting.exports import read_span
from apps.reporting.models import ReportRun
from apps.reporting.reports import REPORTS, Report
from apps.reporting.services.report_runs import run_report
from apps.reporting.spans import Span

_FORMAT_LABELS: Final = {
    "csv": "Text (CSV)",
    "xlsx": "Spreadsheet (XLSX)",
    "pdf": "Paper (PDF)",
    "zip": "Texts (CSV, one per table, in a ZIP)",
}


class ReportDialog(Dialog):
    """Something that is done with the report of the page that it was opened on."""

    permission = "backoffice.export_rows"

    @property
    def asked(self) -> dict[str, str]:
        """Return what the page's address says."""
        return QueryDict(self.place.query).dict()

    def is_offered(self) -> bool:
        """Return whether this is the page of a report; the list of files is none."""
        return self._name in REPORTS

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what the file is going to be about."""
        if not self.is_offered():
            return ()
        return [("Report", self.report.title), ("About", _in_words(self.span(timezone.now())))]

    def prepare(self, form: DialogForm) -> None:
        """Offer the files that the report is made as: none where there is no report."""
        formats = self.report.formats if self.is_offered() else ()
        choices = [(name, _FORMAT_LABELS[name]) for name in formats]
        form.fields["file_format"] = forms.ChoiceField(label="File", choices=choices)

    @property
    def report(self) -> Report:
        """Return the page's report."""
        return REPORTS[self._name]

    def span(self, now: datetime) -> Span:
        """Return what the page's address asks for."""
        return read_span(self.report, self.asked, now=now)

    @property
    def _name(self) -> str:
        return self.asked.get("report", "")


class ExportReportDialog(ReportDialog):
    """Make a file of the report, for oneself."""

    name = "export-report"
    label = "Export report…"
    submit = "Export"

    def explanation(self) -> str:
        """Say where the file comes to be."""
        return (
            "All rows of the report. The file is made in the background; you find it on the"
            f" screen Exports, for {EXPORT_LIFETIME.days} days."
        )

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Ask for the file."""
        export = request_export(
            user=self.user,
            source=self.report.name,
            title=_in_words(self.span(now)),
            query=self.place.query,
            file_format=answers["file_format"],
            now=now,
        )
        return Outcome(
            message="The file is being made: {file}.",
            facts={"file": export.id},
            object_id=export.id,
        )


class KeepReportDialog(ReportDialog):
    """Make the report once and keep it for good, with its digest."""

    name = "keep-report"
    label = "Keep as it is…"
    submit = "Make and keep"

    def explanation(self) -> str:
        """Say what becomes of it."""
        return (
            "The file never changes and stays with its SHA-256 on the screen Report files. A"
            " month's pack is a draft until the month is closed; then there is one in each format."
        )

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Make it."""
        run = run_report(
            report=self.report,
            span=self.span(now),
            file_format=answers["file_format"],
            origin=origin,
        )
        return Outcome(
            message="Draft {file} is kept: {digest}."
            if run.is_draft
            else "File {file} is kept: {digest}.",
            facts={"file": run.id, "digest": run.sha256},
            object_id=run.id,
        )


class DownloadReportDialog(DownloadDialog):
    """Fetch a kept file."""

    subject: ReportRun
    name = "download-report"
    permission = "backoffice.export_rows"

    def look(self) -> Mapping[str, Any]:
        """Return which file it is."""
        return {"report": self.subject.report_type, "sha256": self.subject.sha256}

    def open(self, *, now: datetime) -> tuple[IO[bytes], str]:
        """Open the kept bytes."""
        del now
        return io.BytesIO(bytes(self.subject.content)), self.subject.file_name


def _in_words(span: Span) -> str:
    mode = "live" if span.scope.livemode else "test"
    parts = (days_in_words(span.since, span.until), span.currency or "every currency", mode)
    return " · ".join(parts)
