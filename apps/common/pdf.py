"""
The one look of every PDF of the house: headings, facts, tables, images, page numbers.

The same calls make the same bytes: a PDF's date is passed in, so its digest can be kept as proof.
Texts may be of any script: Latin, Greek and Cyrillic, Arabic, and Chinese, Japanese and Korean have
fonts; a letter of another one shows as a box.

Import this module inside the function that makes a PDF: the libraries below it take some 80 MB,
which no process needs that makes none.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import cast
from unicodedata import category

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, VAlign, XPos, YPos
from fpdf.fonts import FontFace, TTFFont
from PIL import Image
from pypdf import PdfReader, PdfWriter

_FAMILY = "house"
# What is asked, in this order, for a letter that the house's font does not have.
_FALLBACKS = (
    ("arabic", "fontpkg_almarai", "files/Almarai-Regular.ttf"),
    ("cjk", "noto_cjk_sans_jp_regular", "NotoSansCJKjp-Regular.otf"),
)
# A letter that no font has would vanish, and a name with it.
_BOX = "\u25a1"
# Marks on letters, and characters without a shape: they need no box of their own.
_SHAPELESS = frozenset({"Mn", "Me", "Cf"})

_MARGIN_MM = 18
_LABEL_SHARE = 0.32
_TABLE_SIZE = 9
_IMAGE_HEIGHT_MAX_MM = 200
# A heading alone at a page's foot belongs to the next page.
_ROOM_MM = 24
# A picture is shown as large as on a screen of 96 pixels per inch, where the page has the room.
_PIXEL_MM = 25.4 / 96

_INK = (17, 24, 39)
_QUIET = (107, 114, 128)
_RULE = (209, 213, 219)
_SHADE = (243, 244, 246)


# It remarks on each font's header, which nobody here can mend.
logging.getLogger("fontTools").setLevel(logging.ERROR)
# It remarks on each letter that no font has; the box on the page says so.
logging.getLogger("fpdf").setLevel(logging.ERROR)


class Document:
    """
    A document in the making; `to_bytes` ends it.

    :param created_at: stands in the file as its date, and on no page
    :param footer: a line at the foot of each page, before the page's number
    :param is_whole: whether no pages of other files follow, so that each page tells how many
        there are
    """

    def __init__(
        self, *, title: str, created_at: datetime, footer: str = "", is_whole: bool = True
    ) -> None:
        self._pdf = _Sheet(footer=footer, is_whole=is_whole)
        self._pdf.set_title(title)
        self._pdf.set_creation_date(created_at)
        self._pdf.add_page()
        self._write(title, size=20, style="B", after=4)

    @property
    def pages(self) -> int:
        """Return how many pages there are so far."""
        return self._pdf.page_no()

    def heading(self, text: str, *, room_mm: float = _ROOM_MM) -> None:
        """Begin a section, on a new page unless this one has `room_mm` left for it."""
        self._pdf.ln(4)
        if self._pdf.will_page_break(room_mm):
            self._pdf.add_page()
        self._write(text, size=13, style="B", after=1)
        self._pdf.set_draw_color(*_RULE)
        self._pdf.line(_MARGIN_MM, self._pdf.get_y(), self._pdf.w - _MARGIN_MM, self._pdf.get_y())
        self._pdf.ln(2)

    def paragraph(self, text: str, *, quiet: bool = False) -> None:
        """Add a text; line ends stay."""
        self._write(text, size=10, colour=_QUIET if quiet else _INK, after=2)

    def facts(self, rows: Iterable[tuple[str, str]]) -> None:
        """Add what is known, as a column of labels beside a column of values."""
        label = FontFace(color=_QUIET)
        self._pdf.set_font(_FAMILY, "", 10)
        with self._pdf.table(
            col_widths=(_LABEL_SHARE, 1 - _LABEL_SHARE),
            borders_layout=TableBordersLayout.NONE,
            first_row_as_headings=False,
            line_height=5.5,
            text_align="LEFT",
            v_align=VAlign.T,
        ) as table:
            for name, value in rows:
                row = table.row()
                row.cell(self._pdf.legible(name), style=label)
                row.cell(self._pdf.legible(value))
        self._pdf.ln(2)

    def table(
        self,
        headings: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        widths: Sequence[float] = (),
        numbers: Iterable[int] = (),
        size: int = _TABLE_SIZE,
    ) -> None:
        """
        Add a table; its headings stand on every page that it reaches.

        :param widths: the columns' widths relative to each other; equal ones without
        :param numbers: the places of the columns that are set to the right
        :param size: of its letters, in points; smaller ones for many columns
        """
        right = set(numbers)
        self._pdf.set_font(_FAMILY, "", size)
        self._pdf.set_draw_color(*_RULE)
        with self._pdf.table(
            col_widths=tuple(widths) or tuple(1.0 for _ in headings),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=FontFace(emphasis="BOLD", fill_color=_SHADE),
            line_height=5.5,
            padding=1,
            text_align=tuple("RIGHT" if i in right else "LEFT" for i in range(len(headings))),
        ) as table:
            for cells in (headings, *rows):
                table.row([self._pdf.legible(cell) for cell in cells])
        self._pdf.ln(2)

    def image(self, content: bytes, *, heading: str = "", caption: str = "") -> None:
        """Add a PNG or JPEG, no larger than the page, which it shares with its heading."""
        width, height = self._size_of(content)
        if heading:
            self.heading(heading, room_mm=_ROOM_MM + height)
        if caption:
            self.paragraph(caption, quiet=True)
        self._pdf.image(BytesIO(content), w=width)
        self._pdf.ln(3)

    def page_break(self) -> None:
        """Go on on a new page."""
        self._pdf.add_page()

    def to_bytes(self) -> bytes:
        """Return the file."""
        return bytes(self._pdf.output())

    def _size_of(self, content: bytes) -> tuple[float, float]:
        with Image.open(BytesIO(content)) as image:
            wide, high = image.size
        scale = min(_PIXEL_MM, self._pdf.epw / wide, _IMAGE_HEIGHT_MAX_MM / high)
        return wide * scale, high * scale

    def _write(
        self,
        text: str,
        *,
        size: int,
        style: str = "",
        colour: tuple[int, int, int] = _INK,
        after: int = 0,
    ) -> None:
        text = self._pdf.legible(text)
        self._pdf.set_font(_FAMILY, style, size)
        self._pdf.set_text_color(*colour)
        self._pdf.multi_cell(0, size * 0.5, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._pdf.set_text_color(*_INK)
        self._pdf.ln(after)


def append_pdfs(first: bytes, others: Iterable[bytes]) -> bytes:
    """Return `first` with the pages of the other files after its own."""
    writer = PdfWriter()
    for content in (first, *others):
        writer.append(PdfReader(BytesIO(content)), import_outline=False)
    told = PdfReader(BytesIO(first)).metadata
    writer.metadata = told
    merged = BytesIO()
    writer.write(merged)
    return merged.getvalue()


def count_pages(content: bytes) -> int:
    """Return how many pages a PDF has."""
    return len(PdfReader(BytesIO(content)).pages)


class _Sheet(FPDF):
    """The page: paper, margins, fonts, foot."""

    def __init__(self, *, footer: str, is_whole: bool) -> None:
        super().__init__(format="A4")
        self._is_whole = is_whole
        self.set_margins(_MARGIN_MM, _MARGIN_MM)
        self.set_auto_page_break(True, margin=_MARGIN_MM)
        self.set_producer("")
        for style, name in (("", "FiraSans-Regular.ttf"), ("B", "FiraSans-SemiBold.ttf")):
            self.add_font(_FAMILY, style, _path("fontpkg_fira_sans", f"files/{name}"))
        self._letters = self._letters_of(_FAMILY)
        self.set_text_shaping(True)
        self.set_font(_FAMILY, "", 10)
        self._footer = self.legible(footer)

    def legible(self, text: str) -> str:
        """Return the text with a box for each letter that no font has."""
        if self._has_all(text):
            return text
        self._open_fallbacks()
        if self._has_all(text):
            return text
        return "".join(
            letter if self._has_all(letter) else "" if category(letter) in _SHAPELESS else _BOX
            for letter in text
        )

    def _has_all(self, text: str) -> bool:
        return all(letter <= " " or ord(letter) in self._letters for letter in text)

    def _open_fallbacks(self) -> None:
        """Open the large fonts, once, when a text that is about to be written needs them."""
        families = [family for family, _, _ in _FALLBACKS]
        if families[0] in self.fonts:
            return
        for family, package, name in _FALLBACKS:
            self.add_font(family, "", _path(package, name))
        self._letters = self._letters.union(*map(self._letters_of, families))
        self.set_fallback_fonts(families, exact_match=False)

    def _letters_of(self, family: str) -> frozenset[int]:
        return frozenset(cast(TTFFont, self.fonts[family]).cmap)

    def footer(self) -> None:
        """Write the foot of a page; fpdf2 calls this."""
        self.set_y(-12)
        self.set_font(_FAMILY, "", 8)
        self.set_text_color(*_QUIET)
        self.cell(0, 5, self._footer, align="L", new_x=XPos.LMARGIN)
        number = f"{self.page_no()} / {{nb}}" if self._is_whole else str(self.page_no())
        self.cell(0, 5, number, align="R")
        self.set_text_color(*_INK)


@cache
def _path(package: str, name: str) -> Path:
    return Path(str(files(package) / name))
