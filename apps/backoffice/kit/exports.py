"""The dialog above every list that makes a file of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.http import QueryDict

from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome
from apps.backoffice.kit.display import words
from apps.backoffice.services.exports import EXPORT_LIFETIME, request_export
from apps.common.origin import Origin

_FORMATS = [("xlsx", "Spreadsheet (XLSX)"), ("csv", "Text (CSV)")]


class ExportForm(DialogForm):
    """What kind of file."""

    file_format = forms.ChoiceField(label="File", choices=_FORMATS)


class ExportDialog(Dialog):
    """Make a file of the list as it is filtered now."""

    name = "export"
    label = "Export…"
    permission = "backoffice.export_rows"
    form_class = ExportForm
    submit = "Export"

    def explanation(self) -> str:
        """Say where the file comes to be."""
        return (
            "All rows of this list under this filter. The file is made in the background; you find"
            f" it on the screen Exports, for {EXPORT_LIFETIME.days} days."
        )

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return the filter in words."""
        return [("Filter", filter_in_words(self.place.query))]

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Ask for the file."""
        export = request_export(
            user=self.user,
            source=self.place.screen,
            title=filter_in_words(self.place.query),
            query=self.place.query,
            file_format=answers["file_format"],
            now=now,
        )
        return Outcome(
            message="The file is being made: {file}.",
            facts={"file": export.id},
            object_id=export.id,
        )


def filter_in_words(query: str) -> str:
    """Return e.g. `Status: succeeded` for the query of a list's address."""
    asked = QueryDict(query)
    named = {"q": "Search", "created": "Created, days"}
    parts = [
        f"{named.get(name) or words(name.partition('__')[0])}: {asked[name]}"
        for name in asked
        if asked[name]
    ]
    return "; ".join(parts) or "Everything"
