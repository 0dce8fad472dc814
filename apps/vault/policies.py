"""Decisions of the vault that need no database."""

import re

# Our own ids are ULIDs behind the prefix; what gateways hand out never looks like that.
_OWN_ID = re.compile(r"pm_[0-9a-hjkmnp-tv-z]{26}\Z")


def is_gateway_token(reference: str) -> bool:
    """Return whether `reference` is a gateway's token (`tok_visa`, `pm_card_visa`), not our id."""
    return reference.startswith(("tok_", "pm_")) and _OWN_ID.match(reference) is None
