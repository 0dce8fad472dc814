"""What the back-office does in the background."""

from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string

from apps.backoffice.books import Book
from apps.backoffice.kit.columns import read_screen
from apps.backoffice.models import Export
from apps.backoffice.services.exports import produce_export


def run_export(export: Export, *, now: datetime) -> None:
    """Make one claimed file."""
    produce_export(export, read=_open_source, now=now)


def _open_source(export: Export) -> Book:
    """Open a report by its name, anything else as a screen."""
    report = import_string(settings.BACKOFFICE_REPORTS).get(export.source)
    if report is None:
        sheet = read_screen(export.source, export.query, export.user)
        return Book(export.title, [sheet], made_at=export.requested_at)
    book: Book = import_string(report)(export)
    return book
