"""What a screen's rows say in a file: the same as on the screen, as plain cells."""

import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any, Final

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, QueryDict
from django.utils.html import strip_tags

from apps.backoffice.models import User
from apps.backoffice.sheets import Cell, Sheet
from apps.common.money import to_major

# Rows in memory at once, with what their columns need.
CHUNK: Final = 2000
# The title of the column by which amounts are added up, and what stands before the sums.
CURRENCY: Final = "Currency"
TOTAL: Final = "Total"
_TIME: Final = re.compile(r'<time[^>]* datetime="([^"]*)"[^>]*>[^<]*</time>')
_BREAK: Final = re.compile(r"<(?:small|br)\b[^>]*>")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file: `read` takes a prepared row."""

    title: str
    read: Callable[[Any], Cell]


def major(amount: int | None, currency: str) -> Decimal | None:
    """Return minor units as the decimal of a cell, nothing where there is no amount."""
    return None if amount is None else to_major(amount, currency)


def read_screen(source: str, query: str, user: User) -> Sheet:
    """
    Open what a list shows to `user` under a filter: same rows, same order, all pages.

    :raises PermissionDenied: the person may not see the screen any more
    """
    screen: Any = admin.site.get_model_admin(apps.get_model(source))
    request = HttpRequest()
    request.method, request.user, request.GET = "GET", user, QueryDict(query)
    if not screen.has_view_permission(request):
        raise PermissionDenied(source)
    columns = screen.export_columns or _shown_columns(screen, request)
    rows = screen.get_changelist_instance(request).queryset
    totals = Totals([column.title for column in columns])
    return Sheet(
        columns=[column.title for column in columns],
        rows=_read(screen, rows.iterator(chunk_size=CHUNK), columns, totals),
        totals=totals.rows,
    )


class Totals:
    """Sums of the amounts that went by, for each currency; files without amounts have none."""

    def __init__(self, titles: Sequence[str]) -> None:
        self._titles = titles
        self._currency = titles.index(CURRENCY) if CURRENCY in titles else None
        self._sums: dict[str, dict[int, Decimal]] = {}

    def add(self, cells: Sequence[Cell]) -> None:
        """Count a row."""
        if self._currency is None:
            return
        sums = self._sums.setdefault(str(cells[self._currency]), {})
        for place, cell in enumerate(cells):
            if isinstance(cell, Decimal):
                sums[place] = sums.get(place, Decimal(0)) + cell

    def rows(self) -> Iterator[Sequence[Cell]]:
        """Yield a line for each currency, in the order of their codes."""
        for currency, sums in sorted(self._sums.items()):
            cells: list[Cell] = [sums.get(place, "") for place in range(len(self._titles))]
            cells[self._currency or 0] = currency
            cells[0] = TOTAL
            yield cells


def _read(
    screen: Any, rows: Iterator[Any], columns: Sequence[Column], totals: Totals
) -> Iterator[Sequence[Cell]]:
    while chunk := list(islice(rows, CHUNK)):
        screen.prepare(chunk)
        for row in chunk:
            cells = [column.read(row) for column in columns]
            totals.add(cells)
            yield cells


def _shown_columns(screen: Any, request: HttpRequest) -> list[Column]:
    """Return the columns of the list itself, for screens that name no others."""
    columns = [Column("Id", lambda row: str(row.pk))]
    for name in screen.get_list_display(request):
        title = label_for_field(name, screen.model, screen)
        columns.append(Column(str(title).capitalize(), partial(_show, screen, name)))
    return columns


def _show(screen: Any, name: str, row: Any) -> str:
    _, _, value = lookup_field(name, row, screen)
    return plain(value)


def plain(cell: object) -> str:
    """Return the words of a cell: times in ISO 8601, lines with a blank between them."""
    text = _TIME.sub(r"\1", str(cell))
    return " ".join(html.unescape(strip_tags(_BREAK.sub(" ", text))).split())
