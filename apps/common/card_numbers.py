"""
What is a card number, and what only looks like one.

A text is a card number when all three agree: it begins like an issuer's range, has a length which
that range uses, and passes the Luhn check. Luhn alone would hit every tenth order number.
"""

import re
from typing import Any, Final

MASK: Final = "[card number]"

# Source: ISO/IEC 7812 ranges as the card schemes publish them.
_ISSUER_RANGES: Final = re.compile(
    r"(?:"
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa: 13, 16, 19
    r"|5[1-5]\d{14}"  # Mastercard
    r"|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Mastercard, second series
    r"|3[47]\d{13}"  # American Express
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12}(?:\d{3})?"  # Discover
    r"|3(?:0[0-5]\d|095|[689]\d\d)\d{10}(?:\d{2}|\d{5})?"  # Diners Club: 14, 16, 19
    r"|35(?:2[89]|[3-8]\d)\d{12}(?:\d{3})?"  # JCB
    r"|62\d{14,17}|81\d{14,17}"  # UnionPay
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15}"  # Maestro
    r"|220[0-4]\d{12}(?:\d{3})?"  # Mir
    r"|(?:60|81|82)\d{14}|508\d{13}"  # RuPay
    r")\Z"
)
# At least 13 digits with little between two of them; what is between parts the groups.
_RUN: Final = re.compile(r"\+?\d(?:[\s\-.\u2010-\u2015]{0,2}\d){12,}")
_GROUP: Final = re.compile(r"\d+")
_LENGTHS: Final = range(13, 20)
# A number written with a leading plus and no more digits than this is a telephone number (E.164).
_PHONE_MAX_DIGITS: Final = 15
_IBAN: Final = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}\Z", re.ASCII)
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def has_card_number(value: Any) -> bool:
    """Return whether a text or an integer contains a card number."""
    text = value if isinstance(value, str) else str(value) if type(value) is int else ""
    if len(text) < _LENGTHS.start:
        return False
    return any(_holds_card(run[0]) for run in _RUN.finditer(text)) and not _is_iban(text)


def _holds_card(run: str) -> bool:
    """Try every row of whole groups, so that an expiry date behind a number hides nothing."""
    groups = [_ascii_digits(group) for group in _GROUP.findall(run)]
    if run[0] == "+" and sum(map(len, groups)) <= _PHONE_MAX_DIGITS:
        return False
    for first in range(len(groups)):
        digits = ""
        for group in groups[first:]:
            digits += group
            if len(digits) >= _LENGTHS.stop:
                break
            if len(digits) >= _LENGTHS.start and is_card_number(digits):
                return True
    return False


def _ascii_digits(group: str) -> str:
    """Return the digits as ASCII; other scripts have digits too."""
    return group if group.isascii() else "".join(str(int(digit)) for digit in group)


def _is_iban(text: str) -> bool:
    compact = text.replace(" ", "").upper()
    if not _IBAN.match(compact):
        return False
    turned = compact[4:] + compact[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1


def is_card_number(digits: str) -> bool:
    """Return whether the digits are a card number: issuer range, length and Luhn."""
    return _ISSUER_RANGES.match(digits) is not None and _passes_luhn(digits)


def _passes_luhn(digits: str) -> bool:
    values = [int(digit) for digit in reversed(digits)]
    return (sum(values[::2]) + sum(_DOUBLED[value] for value in values[1::2])) % 10 == 0


def mask_card_numbers(text: str) -> str:
    """Return the text with every run of digits that holds a card number taken out."""
    return _RUN.sub(lambda run: MASK if _holds_card(run[0]) else run[0], text)
