"""
Checks of a whole column of a report at once; a value that is not plain refuses the column. Pure.

What is refused here is looked at row by row afterwards, so these checks may be stricter than those
in `line`, never more lenient.
"""

import re
from collections.abc import Sequence
from itertools import starmap
from operator import eq, sub
from typing import Final

from apps.reconciliation.statements.line import (
    MAX_REFERENCE_CHARACTERS,
    BadValue,
    check_named,
    currency_of,
    places_of,
)
from apps.reconciliation.states import LineKind

Column = Sequence[str]
Columns = Sequence[Column]

_PLAIN: Final = {
    places: re.compile(rf"{pattern}(?:\n{pattern})*").fullmatch
    for places, pattern in {
        0: r"-?[0-9]{1,15}",
        2: r"-?[0-9]{1,13}\.[0-9]{2}",
        3: r"-?[0-9]{1,12}\.[0-9]{3}",
    }.items()
}


def check_lengths(
    columns: Columns, *, at_least: int = 0, at_most: int = MAX_REFERENCE_CHARACTERS
) -> None:
    """
    Check that the longest values together are short enough for a reference.

    :raises BadValue: they are not, or one is shorter than `at_least`
    """
    if sum(max(map(len, column)) for column in columns) > at_most:
        raise BadValue("a reference is too long")
    if at_least and min(map(len, columns[0])) < at_least:
        raise BadValue("a reference is too short")


def check_names(kinds: Sequence[LineKind], names: Column) -> None:
    """
    Check that each payout has its name.

    :raises BadValue: one has none
    """
    if all(names):
        return
    for kind, name in zip(kinds, names, strict=True):
        check_named(kind, name)


def same_places(texts: Column) -> tuple[Column, int]:
    """
    Return the currencies in upper case, and how many decimal places all of them have.

    :raises BadValue: one is no currency, or their places differ
    """
    known = {text: currency_of(text) for text in set(texts)}
    places = {places_of(currency) for currency in known.values()}
    if len(places) != 1:
        raise BadValue("the currencies have different places")
    return [known[text] for text in texts], places.pop()


def plain_amounts(texts: Column, places: int) -> list[str]:
    """
    Return decimals of major units as minor units, as text.

    :raises BadValue: one is not written with exactly so many places
    """
    joined = "\n".join(texts)
    if not _PLAIN[places](joined):
        raise BadValue("an amount is not plain")
    return joined.replace(".", "").split("\n")


def check_sums(gross: Column, fee: Column, net: Column) -> None:
    """
    Check that gross less fee is net in each row.

    :raises BadValue: it is not
    """
    nets = starmap(sub, zip(map(int, gross), map(int, fee), strict=True))
    if not all(map(eq, nets, map(int, net))):
        raise BadValue("gross less fee is not net")
