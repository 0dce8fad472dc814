"""What belongs to an object and lies in other apps: a panel to which each adds its lines."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from apps.backoffice.kit.display import identifier, words
from apps.backoffice.kit.pages import Table, Text


@dataclass(frozen=True, kw_only=True, slots=True)
class Related:
    """One object: of which kind, its id, how it stands, and what it is about: a sum, a card."""

    kind: str
    id: str
    status: Text
    about: str = ""


def related_table(obj: Any) -> Table:
    """
    Return the panel of this object.

    Its lines come from where the map of `BACKOFFICE_RELATED` says for its model: paths of
    `(obj) -> Iterable[Related]`, each of which reads one statement.
    """
    sources: Mapping[str, Sequence[str]] = import_string(settings.BACKOFFICE_RELATED)
    found: Iterable[Related] = (
        row for source in sources[obj._meta.label_lower] for row in import_string(source)(obj)
    )
    return Table(
        "Belongs together",
        ("What", "Which", "Status", "About"),
        [(words(row.kind), identifier(row.id), row.status, row.about) for row in found],
        empty="Nothing else belongs to it.",
    )
