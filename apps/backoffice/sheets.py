"""
Tables as files: CSV and XLSX, written row by row in bounded memory.

Several tables under one title, and paper, are the business of `books`.

A cell that a spreadsheet would take for a formula is kept as text (OWASP, "CSV Injection").
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import xlsxwriter

Cell = str | int | Decimal | datetime | None

# A spreadsheet has no more rows; what is beyond goes to the next sheet of the file.
XLSX_ROWS_MAX: Final = 1_048_576
_SHEET_NAME_MAX: Final = 31
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def _no_totals() -> Iterable[Sequence[Cell]]:
    return ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """
    What a file shows: titles, and rows that are read while they are written.

    `totals` is asked for the last lines when all rows were read; they do not count as rows.
    """

    columns: Sequence[str]
    rows: Iterable[Sequence[Cell]]
    title: str = ""
    totals: Callable[[], Iterable[Sequence[Cell]]] = _no_totals


def write_csv(sheet: Sheet, path: Path) -> int:
    """Write UTF-8 with a mark, by which spreadsheets know it; return the number of rows."""
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([_safe(title) for title in sheet.columns])
        for row, is_total in _lines(sheet):
            writer.writerow([_as_text(cell) for cell in row])
            count += not is_total
    return count


def write_xlsx(sheet: Sheet, path: Path, *, rows_max: int = XLSX_ROWS_MAX) -> int:
    """Write a workbook, in which only numbers are no text; return the number of rows."""
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        return add_sheet(book, sheet, rows_max=rows_max)


def add_sheet(book: xlsxwriter.Workbook, sheet: Sheet, *, rows_max: int = XLSX_ROWS_MAX) -> int:
    """Add a table to a workbook, as many pages as it takes; return the number of rows."""
    count = 0
    bold = book.add_format({"bold": True})
    page, line = _add_page(book, sheet, bold, is_first=True), 1
    for row, is_total in _lines(sheet):
        if line >= rows_max:
            page, line = _add_page(book, sheet, bold, is_first=False), 1
        _write_row(page, line, row)
        line += 1
        count += not is_total
    return count


def _lines(sheet: Sheet) -> Iterator[tuple[Sequence[Cell], bool]]:
    """Yield each line, and whether it is one of the totals, which are known at the end only."""
    for row in sheet.rows:
        yield row, False
    for row in sheet.totals():
        yield row, True


def _add_page(
    book: xlsxwriter.Workbook, sheet: Sheet, bold: object, *, is_first: bool
) -> xlsxwriter.worksheet.Worksheet:
    # A name stands once in a workbook; the pages that follow are named by their number.
    page = book.add_worksheet(sheet.title[:_SHEET_NAME_MAX] if is_first else None)
    page.freeze_panes(1, 0)
    for place, title in enumerate(sheet.columns):
        page.write_string(0, place, title, bold)
    return page


def _write_row(page: xlsxwriter.worksheet.Worksheet, line: int, row: Sequence[Cell]) -> None:
    for place, cell in enumerate(row):
        # Beyond 15 digits a spreadsheet rounds.
        if isinstance(cell, int | Decimal) and len(str(abs(cell))) <= 15:  # noqa: PLR2004
            page.write_number(line, place, cell)
        elif cell is not None:
            # Written as text, never read as a formula or a link, whatever it begins with.
            page.write_string(line, place, _plain(cell))


def _as_text(cell: Cell) -> str:
    return _safe(cell) if isinstance(cell, str) else _plain(cell)


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _plain(cell: Cell) -> str:
    if cell is None:
        return ""
    return cell.isoformat(timespec="seconds") if isinstance(cell, datetime) else str(cell)
