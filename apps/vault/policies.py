"""Decisions of the vault that need no database."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

# Our own ids are ULIDs behind the prefix; what gateways hand out never looks like that.
_OWN_ID = re.compile(r"pm_[0-9a-hjkmnp-tv-z]{26}\Z")


# What the tokeniser of the payer's page hands out.
ONE_TIME_PREFIX = "tok_"


def choose_takers(token: str, *, type: str, takers: Sequence[str], preferred: str) -> list[str]:
    """
    Return the gateways that a token from the payer's page can be charged at.

    A one-time token goes to all `takers`, when a tokeniser of our own serves several gateways, and
    so does an IBAN, which is nobody's; everything else belongs to the preferred one.
    Source: ruling C12
    """
    is_for_all = type == "sepa_debit" or token.startswith(ONE_TIME_PREFIX)
    return list(takers) if takers and is_for_all else [preferred]


# A card that ends is told of this long before, so that its owner has time to bring another one.
REMIND_BEFORE = timedelta(days=30)


def reminder_horizon(now: datetime) -> tuple[int, int]:
    """Return year and month: cards that end with it, or before, are to be told of."""
    soon = now + REMIND_BEFORE
    return soon.year, soon.month


def ends_before(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether a card with the expiry `one` (month, year) ends before one with `other`."""
    return (one[1], one[0]) < (other[1], other[0])


def is_gateway_token(reference: str) -> bool:
    """Return whether `reference` is a gateway's token (`tok_visa`, `pm_card_visa`), not our id."""
    return reference.startswith(("tok_", "pm_")) and _OWN_ID.match(reference) is None
