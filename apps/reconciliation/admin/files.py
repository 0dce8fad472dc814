"""Statements as they came: taken in by a dialog, with every row that could not be read."""

from collections.abc import Mapping
from datetime import datetime
from typing import IO, Any, Final

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.backoffice.kit.dialogs import Dialog, DownloadDialog, Outcome
from apps.backoffice.kit.display import Tone, chip, identifier, mode_chip, moment, stacked
from apps.backoffice.kit.filters import created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Table, Text
from apps.common.origin import Origin
from apps.gateways.registry import gateway_names
from apps.reconciliation.admin.forms import ScopeForm, chosen_scope
from apps.reconciliation.models import StatementFile
from apps.reconciliation.services import import_statement, open_statement
from apps.reconciliation.states import BANK_FORMATS, StatementFormat

# A browser's upload; larger statements are taken in by `manage.py reconcile --file`.
MAX_UPLOAD_BYTES: Final = 32 * 1024 * 1024
_MAX_REFUSALS_SHOWN: Final = 500


class UploadStatementForm(ScopeForm):
    """A file, and what it is."""

    format = forms.ChoiceField(choices=StatementFormat.choices)
    source = forms.CharField(
        label="Account",
        max_length=40,
        help_text="The gateway account, such as stripe_main, or a name for the bank account.",
    )
    file = forms.FileField(
        label="File",
        help_text="At most 32 MiB. Rows that cannot be read are refused alone, with their number.",
    )

    def clean_file(self) -> Any:
        """Refuse what a request should not carry."""
        file = self.cleaned_data["file"]
        if file.size > MAX_UPLOAD_BYTES:
            raise forms.ValidationError("Larger than 32 MiB: use manage.py reconcile --file.")
        return file

    def clean(self) -> dict[str, Any]:
        """Want a gateway account that there is; a bank account may have any name."""
        answers: dict[str, Any] = super().clean() or {}
        source, format_ = answers.get("source"), answers.get("format")
        if source and format_ not in BANK_FORMATS and source not in gateway_names():
            known = ", ".join(gateway_names())
            self.add_error("source", f"A gateway's report is of one of: {known}.")
        return answers


class UploadStatementDialog(Dialog):
    """Take a statement in."""

    name = "upload-statement"
    label = "Upload a statement…"
    permission = "reconciliation.add_statementfile"
    form_class = UploadStatementForm
    submit = "Take it in"

    def explanation(self) -> str:
        """Say that nothing is booked."""
        return "The bytes are kept with their hash. Nothing is booked before the next run."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Take it in, and say what became of its rows."""
        upload = answers["file"]
        file = import_statement(
            scope=chosen_scope(answers),
            source=answers["source"],
            format=StatementFormat(answers["format"]),
            stream=upload.file,
            name=upload.name or "",
            origin=origin,
            now=now,
        )
        return Outcome(
            message="{new} lines are new, {known} were known, {twice} came twice, {refused} could"
            " not be read, {elsewhere} are other merchants' on the same account ({file})."
            if file.lines_elsewhere
            else "{new} lines are new, {known} were known, {twice} came twice, {refused} could not"
            " be read ({file}).",
            facts={
                "new": file.lines_new,
                "known": file.lines_known,
                "twice": file.lines_duplicate,
                "refused": file.lines_refused,
                "elsewhere": file.lines_elsewhere,
                "file": file.id,
            },
            object_id=file.id,
        )


class DownloadStatementDialog(DownloadDialog):
    """Fetch a statement as it came."""

    subject: StatementFile
    name = "download-statement"
    permission = "backoffice.export_rows"

    def look(self) -> Mapping[str, Any]:
        """Return which file it is."""
        return {"source": self.subject.source, "sha256": self.subject.sha256}

    def open(self, *, now: datetime) -> tuple[IO[bytes], str]:
        """Open the bytes as they came."""
        del now
        return open_statement(self.subject), self.subject.name or self.subject.id


@admin.register(StatementFile)
class StatementFileAdmin(ObjectAdmin):
    """Every statement that was taken in."""

    search_help_text = "Id or SHA-256 of the file"
    list_display = ("what", "account", "new", "known", "twice", "refused", "by", "taken")
    list_filter = ("format", "livemode", created_filter("sf"))
    dialogs = (DownloadStatementDialog,)
    list_dialogs = (UploadStatementDialog,)

    @admin.display(description="Statement")
    def what(self, file: StatementFile) -> SafeString:
        """Return the name and the id."""
        return stacked(file.name or "without a name", file.id)

    @admin.display(description="Account")
    def account(self, file: StatementFile) -> SafeString:
        """Return whose statement it is, and its form."""
        return stacked(file.source, StatementFormat(file.format).label)

    @admin.display(description="New")
    def new(self, file: StatementFile) -> int:
        """Return how many lines nobody had seen."""
        return file.lines_new

    @admin.display(description="Known")
    def known(self, file: StatementFile) -> int:
        """Return how many lines an earlier file had."""
        return file.lines_known

    @admin.display(description="Twice")
    def twice(self, file: StatementFile) -> int:
        """Return how many lines wait for a person."""
        return file.lines_duplicate

    @admin.display(description="Refused")
    def refused(self, file: StatementFile) -> Text:
        """Return how many rows could not be read."""
        count = str(file.lines_refused)
        return chip(count, Tone.BAD) if file.lines_refused else count

    @admin.display(description="By")
    def by(self, file: StatementFile) -> str:
        """Return who brought it."""
        return file.uploaded_by

    @admin.display(description="Taken in")
    def taken(self, file: StatementFile) -> Text:
        """Return when it came."""
        return moment(file.created_at)

    def look_up(self, term: str) -> Q | None:
        """Search by id or hash."""
        return Q(pk=term) | Q(sha256=term.lower())

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return what became of the file's rows."""
        refusals = obj.refusals.order_by("number")[:_MAX_REFUSALS_SHOWN]
        return Page(
            heading=obj.name or obj.id,
            chips=(
                chip(StatementFormat(obj.format).label),
                mode_chip(livemode=obj.livemode),
            ),
            subtitle=identifier(obj.id),
            main=(
                Table(
                    "Rows that could not be read",
                    ("Line", "Why", "What it says"),
                    [(str(row.number), row.reason, _row(row.text)) for row in refusals],
                    empty="Every row was read.",
                    numbers=(0,),
                ),
            ),
            side=(
                Facts(
                    "Rows",
                    [
                        ("New", str(obj.lines_new)),
                        ("Known from earlier files", str(obj.lines_known)),
                        ("Twice", str(obj.lines_duplicate)),
                        ("Refused", str(obj.lines_refused)),
                        ("Of other merchants", str(obj.lines_elsewhere)),
                    ],
                ),
                Facts(
                    "Details",
                    [
                        ("Account", obj.source),
                        ("Bytes", f"{obj.size_bytes:,}"),
                        ("SHA-256", identifier(obj.sha256)),
                        ("Merchant", obj.merchant_id),
                        ("Taken in by", obj.uploaded_by),
                        ("Taken in", moment(obj.created_at)),
                    ],
                ),
            ),
        )


def _row(text: str) -> SafeString:
    """Return a row of the file, broken wherever its column ends."""
    return format_html('<code class="bo-breaks">{}</code>', text)
