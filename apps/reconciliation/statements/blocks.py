"""
Reports read a block of rows at a time.

Most blocks are plain: every row has the columns of the header, and every value is what its column
promises. Such a block is checked and rewritten column by column, at a quarter of the cost of its
rows one by one. A block with anything unusual in it is read row by row, which names each bad row.
Both ways write the same lines. Pure.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TextIO

from apps.reconciliation.statements.columns import Columns
from apps.reconciliation.statements.line import (
    MAX_ROW_CHARACTERS,
    BadValue,
    PaidIn,
    ParsedLine,
    RowFeed,
    RowRefused,
    check_width,
    shorten,
    skip_rest,
)

# Large enough that the work per block does not count, small enough that a bad row costs little.
BLOCK_CHARACTERS: Final = 256 * 1024

# What spoils a row, or has a meaning of its own for the database's COPY.
_UNUSUAL: Final = ("\0", "\ufffd", "\\", "\t", "\r")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\r": "\\r", "\n": "\\n"})


class ReportReader(Protocol):
    """The rows of one gateway's report, below the header that it was made with."""

    @property
    def width(self) -> int:
        """How many columns a row has."""

    def read_row(self, number: int, row: list[str]) -> ParsedLine:
        """
        Read one row of the right width.

        :raises BadValue: a value is not what its column promises
        """

    def read_columns(self, columns: Columns) -> Columns | None:
        """
        Read rows, given and returned as columns; the line's `number` is left out.

        None when some row needs a closer look.
        """


@dataclass(frozen=True, slots=True)
class Block:
    """
    Some rows of a report: `copy` holds `lines` of them in the form of COPY's text format.

    `exchanged` are those among them that were paid in another currency, by their references.
    """

    copy: str
    lines: int
    refused: Sequence[RowRefused] = ()
    exchanged: Mapping[str, PaidIn] = field(default_factory=dict)


def read_report(text: TextIO, open_report: Callable[[list[str]], ReportReader]) -> Iterator[Block]:
    """
    Read a report block by block; `open_report` gets the columns of its header.

    :raises StatementUnreadable: the header lacks a column
    """
    feed = RowFeed(text)
    reader = open_report(next(feed.rows(), []))
    number = feed.number
    yield Block("", 0, feed.take_refused())
    for block in _blocks(text):
        yield _read_plain(block, reader, number) or _read_closely(block, reader, number)
        number += block.count("\n")


def read_rows(
    text: TextIO, reader: ReportReader, *, after: int = 0
) -> Iterator[ParsedLine | RowRefused]:
    """Read row by row, the first one as number `after` + 1; a bad row is handed on as refused."""
    feed = RowFeed(text, number=after)
    for row in feed.rows():
        yield from feed.take_refused()
        try:
            check_width(row, reader.width)
            yield reader.read_row(feed.number, row)
        except BadValue as reason:
            yield RowRefused(feed.number, str(reason), shorten(feed.line))
    yield from feed.take_refused()


def _blocks(text: TextIO) -> Iterator[str]:
    """Hand out whole lines; of one that is too long only so much that it is seen to be."""
    while block := text.read(BLOCK_CHARACTERS):
        if not block.endswith("\n"):
            block += text.readline(MAX_ROW_CHARACTERS)
        if not block.endswith("\n"):
            skip_rest(text)
            block += "\n"
        yield block.replace("\r\n", "\n")


def _read_plain(block: str, reader: ReportReader, after: int) -> Block | None:
    if any(sign in block for sign in _UNUSUAL):
        return None
    try:
        rows = list(csv.reader(block[:-1].split("\n")))
    except csv.Error:
        return None
    # With fewer rows than lines, an unclosed quote has run over the end of one.
    if set(map(len, rows)) != {reader.width} or len(rows) != block.count("\n"):
        return None
    columns = reader.read_columns(list(zip(*rows, strict=True)))
    if columns is None:
        return None
    numbers = map(str, range(after + 1, after + 1 + len(rows)))
    copy = "\n".join(map("\t".join, zip(numbers, *columns, strict=True)))
    return Block(copy + "\n", len(rows))


def _read_closely(block: str, reader: ReportReader, after: int) -> Block:
    lines: list[str] = []
    refused: list[RowRefused] = []
    exchanged: dict[str, PaidIn] = {}
    for row in read_rows(io.StringIO(block), reader, after=after):
        if isinstance(row, RowRefused):
            refused.append(row)
        else:
            lines.append(copy_row(row))
            if row.paid_in is not None:
                exchanged[row.reference] = row.paid_in
    return Block("".join(lines), len(lines), refused, exchanged)


def copy_row(line: ParsedLine) -> str:
    """Return a line in the form of COPY's text format."""
    number, *texts, _ = line
    return "\t".join([str(number), *[text.translate(_ESCAPES) for text in texts]]) + "\n"
