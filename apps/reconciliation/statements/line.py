"""What every statement is read into, and how single values are checked. Pure."""

import csv
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from typing import Final, NamedTuple, TextIO

from apps.common.money import CURRENCIES, exponent
from apps.reconciliation.errors import StatementUnreadable
from apps.reconciliation.policies import YEARS
from apps.reconciliation.states import LineKind

# A row longer than this is no row of a statement; it bounds the memory of reading one.
MAX_ROW_CHARACTERS: Final = 64 * 1024
MAX_REFERENCE_CHARACTERS: Final = 100
_SHOWN_CHARACTERS: Final = 500
_PAYOUTS: Final = frozenset({LineKind.PAYOUT, LineKind.PAYOUT_FAILURE})


class PaidIn(NamedTuple):
    """What a line was before the gateway exchanged it: signed minor units of another currency."""

    amount: int
    currency: str


class ParsedLine(NamedTuple):
    """
    One line of a gateway's report, in the order of the staging table's columns; `paid_in` is none.

    Amounts are minor units, from the view of our account at the gateway: gross less fee is net.
    They stay text, since the only thing done with them here is to copy them into the database.
    `occurred_at` is text with its time zone.
    """

    number: int
    reference: str
    kind: str
    object_reference: str
    payment_reference: str
    our_reference: str
    payout_reference: str
    currency: str
    gross: str
    fee: str
    net: str
    occurred_at: str
    paid_in: PaidIn | None = None


class ParsedBankLine(NamedTuple):
    """One movement on a bank account; `amount` is negative when money left."""

    number: int
    reference: str
    account: str
    currency: str
    amount: int
    booked_on: date
    description: str


class RowRefused(NamedTuple):
    """A row that cannot be read; the others of its file can."""

    number: int
    reason: str
    text: str


class BadValue(ValueError):
    """A value of a row is not what its column promises."""


class RowFeed:
    """
    The rows of a text file, one line each, with their numbers.

    A quoted field may not run over a line's end: an unclosed quote would swallow the rest of the
    file, while this way it spoils its own row only.
    """

    def __init__(self, text: TextIO, *, number: int = 0) -> None:
        self._text = text
        self.number = number
        self.line = ""
        self.refused: list[RowRefused] = []

    def __iter__(self) -> Iterator[str]:
        text, refused = self._text, self.refused
        while line := text.readline(MAX_ROW_CHARACTERS):
            self.number += 1
            if len(line) >= MAX_ROW_CHARACTERS and not line.endswith("\n"):
                skip_rest(text)
                refused.append(RowRefused(self.number, "the row is too long", shorten(line)))
            elif '"' in line and line.count('"') % 2:
                refused.append(RowRefused(self.number, "a quote is not closed", shorten(line)))
            elif "\0" in line or "\ufffd" in line:
                refused.append(RowRefused(self.number, "the row is not UTF-8", shorten(line)))
            elif not line.isspace():
                self.line = line
                yield line

    def rows(self) -> Iterator[list[str]]:
        """Hand out the columns of each line; only quotes need the slower reader."""
        for line in self:
            if '"' not in line:
                yield line.rstrip("\r\n").split(",")
                continue
            try:
                yield next(csv.reader([line]))
            except csv.Error as error:
                self.refused.append(RowRefused(self.number, str(error), shorten(line)))

    def take_refused(self) -> list[RowRefused]:
        """Hand out the rows refused since the last time."""
        if not self.refused:
            return []
        taken, self.refused[:] = list(self.refused), []
        return taken


def skip_rest(text: TextIO) -> None:
    """Go to the end of a line, however far that is."""
    while (rest := text.readline(MAX_ROW_CHARACTERS)) and not rest.endswith("\n"):
        pass


def shorten(text: str) -> str:
    """Return what is kept of a refused row, without what the database cannot store."""
    return text.rstrip("\r\n").replace("\0", "\ufffd")[:_SHOWN_CHARACTERS]


def columns_of(header: list[str], wanted: tuple[str, ...], *, format: str) -> dict[str, int]:
    """
    Return the place of each column by name.

    :raises StatementUnreadable: a wanted column is missing, or the rows stand in the header as well
    """
    if len(header) == 1 and header[0].count(";") >= len(wanted) - 1:
        raise StatementUnreadable(
            format=format, reason="its columns are divided by semicolons, not commas", param="file"
        )
    if any("\r" in name for name in header):
        raise StatementUnreadable(
            format=format, reason="its lines do not end with a line feed", param="file"
        )
    places = {name.strip(): place for place, name in enumerate(header)}
    missing = [name for name in wanted if name not in places]
    if missing:
        raise StatementUnreadable(
            format=format, reason=f"column {missing[0]} is missing", param="file"
        )
    return places


def check_width(row: list[str], width: int) -> None:
    """
    Check that the row has as many columns as its header.

    :raises BadValue: it has not
    """
    if len(row) != width:
        raise BadValue(f"{len(row)} columns instead of {width}")


_PLAIN: Final = {
    places: re.compile(",".join([pattern] * 3)).fullmatch
    for places, pattern in {
        0: r"-?[0-9]{1,15}",
        2: r"-?[0-9]{1,13}\.[0-9]{2}",
        3: r"-?[0-9]{1,12}\.[0-9]{3}",
    }.items()
}
# Plain digits, so few that none is lost or takes long: no exponent, no NaN.
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]{1,15}\.?[0-9]{0,10}|\.[0-9]{1,10})").fullmatch
_MAX_AMOUNT: Final = 10**15
places_of = cache(exponent)


def three_amounts(gross: str, fee: str, net: str, currency: str) -> list[str]:
    """
    Return three decimals of major units as minor units; one look instead of three.

    :raises BadValue: one of them is no amount of the currency, or gross less fee is not net
    """
    joined = f"{gross},{fee},{net}"
    if _PLAIN[places_of(currency)](joined):
        amounts = joined.replace(".", "").split(",")
    else:
        amounts = [minor_units(text, currency) for text in (gross, fee, net)]
    if int(amounts[0]) - int(amounts[1]) != int(amounts[2]):
        raise BadValue("gross less fee is not net")
    return amounts


def minor_units(text: str, currency: str) -> str:
    """
    Return the minor units of a decimal of major units, as text.

    :raises BadValue: not a plain decimal, or finer than the currency
    """
    plain = text.strip() or "0"
    if not _DECIMAL(plain):
        raise BadValue(f"{text[:40]!r} is no amount")
    scaled = Decimal(plain).scaleb(places_of(currency))
    if abs(scaled) >= _MAX_AMOUNT:
        raise BadValue(f"{text[:40]!r} is no amount")
    if scaled != scaled.to_integral_value():
        raise BadValue(f"{text[:40]!r} is finer than {currency}")
    return str(int(scaled))


@cache
def currency_of(text: str) -> str:
    """
    Return the currency in upper case.

    :raises BadValue: there is no such currency
    """
    code = text.strip().upper()
    if code not in CURRENCIES:
        raise BadValue(f"{text[:40]!r} is no currency")
    return code


_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?Z?"
).fullmatch


# A day has fewer seconds than a large statement has rows.
@lru_cache(maxsize=100_000)
def local_moment(text: str, zone: str) -> str:
    """
    Return a time stamp with its zone, ready for the database.

    :raises BadValue: not a date and a time
    """
    if not _MOMENT(text) or not _is_day(text[:10]):
        raise BadValue(f"{text[:40]!r} is no time")
    return f"{text[:10]} {text[11:19]} {zone}"


def day_of(text: str) -> date:
    """
    Return the day which a text begins with.

    :raises BadValue: it is none
    """
    if not _is_day(text[:10]):
        raise BadValue(f"{text[:40]!r} is no day")
    return date.fromisoformat(text[:10])


# A statement has few days and many rows.
@lru_cache(maxsize=10_000)
def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).year in YEARS
    except ValueError:
        return False


def check_named(kind: LineKind, name: str) -> None:
    """
    Check that a payout has the name by which it is found on the bank's statement.

    :raises BadValue: it has none
    """
    if not name and kind in _PAYOUTS:
        raise BadValue("the payout has no name")


def check_reference(text: str) -> str:
    """
    Return the reference.

    :raises BadValue: empty or too long
    """
    if not text or len(text) > MAX_REFERENCE_CHARACTERS:
        raise BadValue("the reference is empty or too long")
    return text
