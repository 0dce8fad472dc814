"""Reads the JSON of a request, refusing what is missing."""

import json
from collections.abc import Mapping
from typing import Any

from simulator.adyen.errors import AdyenError, missing

Fields = Mapping[str, Any]


def parse(body: bytes) -> Fields:
    """
    Return the object in a request's body, empty without a body.

    :raises AdyenError: it is no JSON object
    """
    try:
        fields = json.loads(body) if body else {}
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise AdyenError("The request is no JSON object.", code="702")
    return fields


def part(fields: Fields, name: str) -> Fields:
    """Return the object in a field, empty when there is none."""
    value = fields.get(name)
    return value if isinstance(value, Mapping) else {}


def text(fields: Fields, name: str) -> str:
    """Return the text in a field, empty when there is none."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def required(fields: Fields, name: str) -> str:
    """
    Return the text in a field.

    :raises AdyenError: it is missing
    """
    value = text(fields, name)
    if not value:
        raise missing(name)
    return value


def amount(fields: Fields) -> tuple[int, str]:
    """
    Return minor units and lower-case currency.

    :raises AdyenError: there is no such amount
    """
    given = part(fields, "amount")
    value = given.get("value")
    currency = required(given, "currency")
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise AdyenError("Invalid amount specified", code="137")
    if len(currency) != 3 or not currency.isalpha() or not currency.isupper():  # noqa: PLR2004
        raise AdyenError("Unsupported currency specified", code="138")
    return value, currency.lower()
