"""
How each business fact is booked: pure functions from a `Fact` to a balanced `EntryDraft`.

docs/ledger.md explains each of them with numbers.
"""

from apps.ledger.recipes.fact import Fact, Share
from apps.ledger.recipes.payments import (
    authorisation_raised,
    authorised,
    captured,
    fee_charged,
    refund_reversed,
    refunded,
    voided,
)

__all__ = [
    "Fact",
    "Share",
    "authorisation_raised",
    "authorised",
    "captured",
    "fee_charged",
    "refund_reversed",
    "refunded",
    "voided",
]
