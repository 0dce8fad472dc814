"""Files that people asked for; each is fetched by who asked for it."""

from collections.abc import Mapping
from datetime import datetime
from typing import IO, Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.backoffice.kit.dialogs import Dialog, DownloadDialog, Outcome
from apps.backoffice.kit.display import NOTHING, Tone, chip, identifier, moment, stacked, words
from apps.backoffice.kit.filters import created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Text
from apps.backoffice.models import Export
from apps.backoffice.services.exports import open_export, retry_export
from apps.backoffice.states import ExportStatus
from apps.common.origin import Origin

_TONES = {
    ExportStatus.WAITING: Tone.BUSY,
    ExportStatus.DONE: Tone.GOOD,
    ExportStatus.FAILED: Tone.BAD,
    ExportStatus.EXPIRED: Tone.NEUTRAL,
}


class _OwnExportDialog(Dialog):
    subject: Export
    permission = ""
    status: ExportStatus

    def is_offered(self) -> bool:
        """Return whether it is one's own, and in the right state."""
        is_own = self.subject.user_id == self.user.pk
        return bool(is_own and self.subject.status == self.status)

    def look(self) -> Mapping[str, Any]:
        """Return which file it is."""
        return Export.objects.values("source", "query", "status", "rows", "sha256").get(
            pk=self.subject.pk
        )


class DownloadExportDialog(DownloadDialog, _OwnExportDialog):
    """Fetch the file."""

    name = "download"
    status = ExportStatus.DONE

    def open(self, *, now: datetime) -> tuple[IO[bytes], str]:
        """Open it for its owner."""
        file = open_export(export=self.subject, user=self.user, now=now)
        return file, self.subject.file_name


class RetryDialog(_OwnExportDialog):
    """Have a failed file made again."""

    name = "retry"
    label = "Try again…"
    submit = "Try again"
    status = ExportStatus.FAILED

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Queue it."""
        retry_export(export=self.subject)
        return Outcome(message="The file is being made again.")


@admin.register(Export)
class ExportAdmin(ObjectAdmin):
    """One's own files; who may see all of them sees that they were made."""

    search_help_text = "Id or SHA-256"
    list_display = ("what", "state", "count", "bytes", "digest", "by", "asked", "until")
    list_filter = ("status", created_filter("exp"))
    dialogs = (DownloadExportDialog, RetryDialog)

    def has_module_permission(self, _request: HttpRequest) -> bool:
        """Everybody may have files."""
        return True

    def has_view_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """The rows are one's own, but for those who see all of them."""
        return True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Export]:
        """Return one's own files, or all of them."""
        rows = super().get_queryset(request).select_related("user")
        if request.user.has_perm("backoffice.view_export"):
            return rows
        return rows.filter(user_id=request.user.pk)

    @admin.display(description="File")
    def what(self, export: Export) -> SafeString:
        """Return the screen and the filter."""
        return stacked(f"{words(export.source.replace('.', ' '))} · {export.format}", export.title)

    @admin.display(description="State")
    def state(self, export: Export) -> SafeString:
        """Return whether it is there, and why not."""
        state = export_chip(export)
        return stacked(state, export.error[:80]) if export.error else state

    @admin.display(description="Rows")
    def count(self, export: Export) -> str:
        """Return how many rows it has."""
        return NOTHING if export.rows is None else f"{export.rows:,}"

    @admin.display(description="Size")
    def bytes(self, export: Export) -> str:
        """Return how large it is."""
        return NOTHING if export.size is None else filesizeformat(export.size)

    @admin.display(description="SHA-256")
    def digest(self, export: Export) -> Text:
        """Return by what the file is known, as much as the eye compares."""
        return format_html("<code>{}…</code>", export.sha256[:12]) if export.sha256 else NOTHING

    @admin.display(description="Asked by")
    def by(self, export: Export) -> str:
        """Return who asked for it."""
        return export.user.email

    @admin.display(description="Asked at")
    def asked(self, export: Export) -> Text:
        """Return when."""
        return moment(export.requested_at)

    @admin.display(description="Kept until")
    def until(self, export: Export) -> Text:
        """Return until when it can be fetched."""
        return moment(export.expires_at)

    def look_up(self, term: str) -> Q | None:
        """Search by id or digest."""
        return Q(pk=term) | Q(sha256=term.lower())

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return one file."""
        return Page(
            heading=obj.file_name,
            chips=(export_chip(obj),),
            subtitle=identifier(obj.id),
            main=(
                Facts(
                    "File",
                    [
                        ("Screen", words(obj.source.replace(".", " "))),
                        ("Filter", obj.title),
                        ("Rows", self.count(obj)),
                        ("Size", self.bytes(obj)),
                        ("SHA-256", identifier(obj.sha256)),
                        ("Asked by", obj.user.email),
                        ("Asked at", moment(obj.requested_at)),
                        ("Made at", moment(obj.finished_at)),
                        ("Kept until", moment(obj.expires_at)),
                        ("Why it failed", obj.error or NOTHING),
                    ],
                ),
            ),
        )


def export_chip(export: Export) -> SafeString:
    """Return whether the file is there."""
    text = "Being made" if export.status == ExportStatus.WAITING else words(export.status)
    return chip(text, _TONES[ExportStatus(export.status)])
