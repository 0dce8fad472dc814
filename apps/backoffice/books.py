"""
Several tables under one title as one file: a workbook, paper, or a ZIP with a CSV for each.

The same book makes the same bytes of paper and ZIP: their date is passed in.
"""

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import xlsxwriter

from apps.backoffice.sheets import Cell, Sheet, add_sheet, write_csv

if TYPE_CHECKING:
    from apps.common.pdf import Document

# Nobody reads more on paper; the other formats have all rows.
PDF_ROWS_MAX: Final = 1000
# A column of paper is as wide as its longest cell, between these numbers of letters, and the room
# beside it. More letters than the page has of the usual size are written smaller.
_NARROWEST, _WIDEST, _GAP = 5, 26, 2
_LETTERS_OF_A_PAGE: Final = 90
_SIZE, _SMALL_SIZE = 9, 7
_ABOUT: Final = "About"


@dataclass(frozen=True, slots=True)
class Book:
    """
    What a file shows: one table, or several that belong together.

    `facts` say what it is about, such as whose books and of which month.
    """

    title: str
    sheets: Sequence[Sheet]
    facts: Sequence[tuple[str, str]] = ()
    made_at: datetime | None = None


def write_book(book: Book, path: Path, *, file_format: str) -> int:
    """
    Write a book as one of FORMATS and return the number of its rows.

    :raises ValueError: a CSV can hold one table only
    """
    return _WRITERS[file_format](book, path)


def _write_csv(book: Book, path: Path) -> int:
    (sheet,) = book.sheets
    return write_csv(sheet, path)


def _write_xlsx(book: Book, path: Path) -> int:
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as workbook:
        workbook.set_properties({"title": book.title, "created": book.made_at})
        if book.facts:
            add_sheet(workbook, _about(book))
        return sum(add_sheet(workbook, sheet) for sheet in book.sheets)


def _write_zip(book: Book, path: Path) -> int:
    count = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, sheet in enumerate([_about(book), *book.sheets]):
            name = f"{place:02}-{sheet.title.lower().replace(' ', '-')}.csv"
            part = path.with_name(name)
            rows = write_csv(sheet, part)
            count += rows if place else 0
            entry = zipfile.ZipInfo(name, date_time=_zip_date(book.made_at))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, part.read_bytes())
    return count


def _zip_date(moment: datetime | None) -> tuple[int, int, int, int, int, int]:
    if moment is None:
        return (1980, 1, 1, 0, 0, 0)
    return (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)


def _about(book: Book) -> Sheet:
    return Sheet(("about", "value"), [("Report", book.title), *book.facts], title=_ABOUT)


def _write_pdf(book: Book, path: Path) -> int:
    from apps.common.pdf import Document  # noqa: PLC0415 - 80 MB which only this needs

    if book.made_at is None:
        raise ValueError("Paper has a date.")
    footer = f"{book.title} · made {book.made_at:%Y-%m-%d %H:%M} UTC"
    document = Document(title=book.title, created_at=book.made_at, footer=footer)
    document.facts(book.facts)
    count = sum(_add_table(document, sheet) for sheet in book.sheets)
    path.write_bytes(document.to_bytes())
    return count


def _add_table(document: "Document", sheet: Sheet) -> int:
    rows = iter(sheet.rows)
    shown = list(islice(rows, PDF_ROWS_MAX))
    left_out = sum(1 for _ in rows)
    if sheet.title:
        document.heading(sheet.title)
    if not shown:
        document.paragraph("Nothing.", quiet=True)
        return 0
    numbers = number_columns(shown)
    texts = [[_on_paper(cell) for cell in row] for row in shown]
    headings = [title.replace("_", " ").capitalize() for title in sheet.columns]
    widths = _widths([headings, *texts])
    size = _SIZE if sum(widths) <= _LETTERS_OF_A_PAGE else _SMALL_SIZE
    document.table(headings, texts, widths=widths, numbers=numbers, size=size)
    if left_out:
        document.paragraph(f"{left_out:,} more rows: the spreadsheet has all of them.", quiet=True)
    return len(shown) + left_out


def number_columns(rows: Sequence[Sequence[Cell]]) -> list[int]:
    """Return the places of the columns that hold no text."""
    return [
        place
        for place, column in enumerate(zip(*rows, strict=True))
        if all(cell is None or isinstance(cell, int | Decimal) for cell in column)
    ]


def _on_paper(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    return f"{cell:,}" if isinstance(cell, int | Decimal) else cell


def _widths(rows: Sequence[Sequence[str]]) -> list[float]:
    longest = (max(map(len, column)) for column in zip(*rows, strict=True))
    return [float(min(max(letters, _NARROWEST), _WIDEST) + _GAP) for letters in longest]


_WRITERS: Final[Mapping[str, Callable[[Book, Path], int]]] = {
    "csv": _write_csv,
    "xlsx": _write_xlsx,
    "pdf": _write_pdf,
    "zip": _write_zip,
}
FORMATS: Final = tuple(_WRITERS)
MEDIA_TYPES: Final[Mapping[str, str]] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
    "zip": "application/zip",
}
