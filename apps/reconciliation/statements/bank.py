"""Bank statements: camt.053 of ISO 20022, and CSV with four columns."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, TextIO
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from apps.reconciliation.errors import StatementUnreadable
from apps.reconciliation.statements.line import (
    BadValue,
    ParsedBankLine,
    RowFeed,
    RowRefused,
    check_reference,
    check_width,
    columns_of,
    currency_of,
    day_of,
    minor_units,
    shorten,
)

_CHUNK_BYTES: Final = 64 * 1024
_MAX_DESCRIPTION_CHARACTERS: Final = 1000
# Far more than a bank writes, also for one entry of many transfers: it bounds the memory.
MAX_DEPTH: Final = 100
MAX_ELEMENTS: Final = 1_000_000
_WHOLE: Final = frozenset({"Acct", "Ntry"})
_WANTED: Final = _WHOLE | {"Stmt"}
_CSV_COLUMNS: Final = ("booking_date", "amount", "currency", "reference")


def parse_bank_csv(text: TextIO) -> Iterator[ParsedBankLine | RowRefused]:
    """
    Read `booking_date,amount,currency,reference` and, if there, `account,description`.

    :raises StatementUnreadable: the header lacks a column
    """
    feed = RowFeed(text)
    rows = feed.rows()
    header = next(rows, [])
    places = columns_of(header, _CSV_COLUMNS, format="bank CSV")
    for row in rows:
        yield from feed.refused
        feed.refused.clear()
        try:
            check_width(row, len(header))
            values = {name: row[place] for name, place in places.items()}
            currency = currency_of(values["currency"])
            yield ParsedBankLine(
                feed.number,
                check_reference(values["reference"]),
                values.get("account", "")[:100],
                currency,
                int(minor_units(values["amount"], currency)),
                day_of(values["booking_date"]),
                values.get("description", "")[:_MAX_DESCRIPTION_CHARACTERS],
            )
        except BadValue as reason:
            yield RowRefused(feed.number, str(reason), shorten(feed.line))
    yield from feed.refused


def parse_camt053(stream: BinaryIO) -> Iterator[ParsedBankLine | RowRefused]:
    """
    Read the booked entries of a camt.053 document, one at a time; they count from 1.

    :raises StatementUnreadable: no well-formed XML without a document type, or no statement in it
    """
    number = 0
    account = ""
    is_statement = False
    for element in _elements(stream):
        if element.tag == "Acct":
            account = (element.findtext("Id/IBAN") or element.findtext("Id/Othr/Id") or "")[:100]
        elif element.tag == "Ntry":
            number += 1
            # Announced entries come again once they are booked.
            status = element.findtext("Sts/Cd") or element.findtext("Sts") or "BOOK"
            if status.strip() == "BOOK":
                yield _read_entry(number, account, element)
        elif element.tag == "Stmt":
            is_statement = True
    if not is_statement:
        # A page saved from the bank's site is well-formed as well.
        raise _unreadable("it holds no element Stmt")


def _read_entry(number: int, account: str, entry: Element) -> ParsedBankLine | RowRefused:
    reference = (entry.findtext("AcctSvcrRef") or entry.findtext("NtryRef") or "").strip()
    texts = [entry.findtext("AddtlNtryInf") or ""]
    texts += [each.text or "" for each in entry.iter("EndToEndId")]
    texts += [each.text or "" for each in entry.iter("Ustrd")]
    try:
        currency, amount = _read_amount(entry)
        return ParsedBankLine(
            number,
            check_reference(reference),
            account,
            currency,
            amount,
            day_of(entry.findtext("BookgDt/Dt") or entry.findtext("BookgDt/DtTm") or ""),
            " ".join(filter(None, texts))[:_MAX_DESCRIPTION_CHARACTERS],
        )
    except BadValue as reason:
        return RowRefused(number, str(reason), shorten(reference))


def _read_amount(entry: Element) -> tuple[str, int]:
    element = entry.find("Amt")
    direction = entry.findtext("CdtDbtInd")
    if element is None or direction not in {"CRDT", "DBIT"}:
        raise BadValue("the entry has no Amt or CdtDbtInd")
    currency = currency_of(element.get("Ccy", ""))
    amount = int(minor_units(element.text or "", currency))
    if amount < 0:
        raise BadValue("a negative amount")
    return currency, amount if direction == "CRDT" else -amount


def _elements(stream: BinaryIO) -> Iterator[Element]:
    """Hand out the wanted elements as they end."""
    builder = _Builder()
    # The builder refuses document types, in which attacks on XML live.
    parser = XMLParser(target=builder)  # noqa: S314
    while chunk := stream.read(_CHUNK_BYTES):
        with _told_plainly():
            parser.feed(chunk)
        yield from builder.take()
    with _told_plainly():
        parser.close()
    yield from builder.take()


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Refuse what the parser does not take; what is wrong with the XML names its line."""
    try:
        yield
    except ParseError as error:
        raise _unreadable(str(error)) from error
    except (LookupError, ValueError) as error:
        # That is how it refuses an encoding of which Python, or XML, has none.
        raise _unreadable("it is written in an unknown encoding") from error


def _unreadable(reason: str) -> StatementUnreadable:
    return StatementUnreadable(format="camt.053", reason=reason, param="file")


class _Builder(TreeBuilder):
    """
    Builds the wanted elements whole, and lets go of them and of all others when they end.

    Their names are free of the namespace's version.
    """

    def __init__(self) -> None:
        super().__init__()
        self._open: list[Element] = []
        self._ended: list[Element] = []
        self._kept = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        element = super().start(tag.rpartition("}")[2], attrs)
        self._open.append(element)
        if self._kept or element.tag in _WHOLE:
            self._kept += 1
        if len(self._open) > MAX_DEPTH or self._kept > MAX_ELEMENTS:
            raise _unreadable("its elements are too many or too deep for a statement")
        return element

    def end(self, tag: str, /) -> Element:
        element = super().end(tag.rpartition("}")[2])
        self._open.pop()
        if element.tag in _WANTED:
            self._ended.append(element)
        if not any(each.tag in _WHOLE for each in self._open):
            self._kept = 0
            if self._open:
                # It is the last of its parent so far.
                del self._open[-1][-1]
        return element

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        # Entities are declared there; a bank's statement has neither.
        raise _unreadable("it has a document type")

    def take(self) -> list[Element]:
        ended, self._ended = self._ended, []
        return ended
