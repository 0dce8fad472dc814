"""Postal addresses as people read them."""

from collections.abc import Mapping
from typing import Final

_PARTS: Final = ("line1", "line2", "postal_code", "city", "state", "country")


def address_in_words(address: Mapping[str, str | None] | None) -> str:
    """Return an address on one line, as far as it is known."""
    return ", ".join(text for part in _PARTS if (text := (address or {}).get(part)))
