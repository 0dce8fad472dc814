"""The page of one object: a header, and panels in two columns."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django.utils.safestring import SafeString

from apps.backoffice.kit.dashboard import Chart, Rows, Stacks
from apps.backoffice.kit.display import Tone, stacked
from apps.backoffice.kit.waterfall import Waterfall

Text = str | SafeString


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, one below the other."""

    template: ClassVar[str] = "admin/backoffice/panels/facts.html"
    title: str
    rows: Sequence[tuple[str, Text]]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; `empty` is said when there are none, `numbers` are right-aligned columns."""

    template: ClassVar[str] = "admin/backoffice/panels/table.html"
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Text]]
    empty: str
    numbers: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step of a way through several screens."""

    stage: str
    what: Text
    note: str = ""
    when: Text = ""
    amount: str = ""

    @property
    def cells(self) -> tuple[Text, ...]:
        """Return the step as a row of a table."""
        return (stacked(self.stage, self.note), self.what, self.when, self.amount)


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a timeline: what, when, who caused it, and by which request."""

    at: datetime
    text: Text
    actor: str
    tone: Tone = Tone.NEUTRAL
    note: Text = ""
    request: Text = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened, newest first."""

    template: ClassVar[str] = "admin/backoffice/panels/timeline.html"
    title: str
    happenings: Sequence[Happening]
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Raw:
    """Data as the machine keeps it, folded away unless it is what the page is about."""

    template: ClassVar[str] = "admin/backoffice/panels/raw.html"
    title: str
    items: Sequence[tuple[str, Any]]
    is_open: bool = False

    def texts(self) -> list[tuple[str, str]]:
        """Return each item's title with its data as indented JSON."""
        return [(title, json.dumps(data, indent=2, default=str)) for title, data in self.items]


@dataclass(frozen=True, slots=True)
class Drawings:
    """Charts side by side, as many as fit."""

    template: ClassVar[str] = "admin/backoffice/panels/drawings.html"
    charts: Sequence[Chart | Rows | Stacks | Waterfall]


Panel = Facts | Table | Timeline | Raw | Drawings


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What the page of one object shows; `heading` is its first line, `chips` stand beside it."""

    heading: Text
    chips: Sequence[Text] = ()
    subtitle: Text = ""
    main: Sequence[Panel] = field(default_factory=tuple)
    side: Sequence[Panel] = field(default_factory=tuple)
