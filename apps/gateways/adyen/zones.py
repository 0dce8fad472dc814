"""What Adyen's reports call the time zone of an account. Pure."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

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


def moment_told(text: str, abbreviation: str) -> datetime:
    """
    Return in UTC what a column and that of its time zone say together.

    Of the hour that autumn has twice, the abbreviation says which one it is.

    :raises ValueError: the text is no time, or the zone is not known
    """
    name = zone_named(abbreviation)
    if name is None:
        raise ValueError("the time zone is not known")
    first = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(name))
    second = first.replace(fold=1)
    is_second = second.tzname() == abbreviation.strip().upper() != first.tzname()
    return (second if is_second else first).astimezone(UTC)
