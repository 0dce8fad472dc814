"""What Adyen's reports call the time zone of an account. Pure."""

from typing import Final

# Adyen abbreviates; an abbreviation that changes in summer stands for the place.
_ZONES: Final = {
    "UTC": "UTC",
    "GMT": "Europe/London",
    "BST": "Europe/London",
    "CET": "Europe/Amsterdam",
    "CEST": "Europe/Amsterdam",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "SGT": "Asia/Singapore",
}


def zone_named(abbreviation: str) -> str | None:
    """Return the IANA name of a zone, None when the abbreviation is not known."""
    return _ZONES.get(abbreviation.strip().upper())
