"""What the back-office does in the background."""

from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string

from apps.backoffice.kit.columns import read_screen
from apps.backoffice.models import Export
from apps.backoffice.services.exports import produce_export
from apps.backoffice.sheets import Sheet


def run_export(export: Export, *, now: datetime) -> None:
    """Make one claimed file."""
    produce_export(export, read=_open_source, now=now)


def _open_source(export: Export) -> Sheet:
    """Open a report by its name, anything else as a screen."""
    reports = import_string(settings.BACKOFFICE_REPORTS)
    report = reports.get(export.source)
    if report is None:
        return read_screen(export.source, export.query, export.user)
    sheet: Sheet = import_string(report)(export.query, user=export.user)
    return sheet
