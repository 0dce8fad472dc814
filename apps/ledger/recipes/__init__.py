"""
How each business fact is booked: pure functions from a `Fact` to a balanced `EntryDraft`.

docs/ledger.md explains each of them with numbers.
"""

from apps.ledger.recipes.disputes import (
    dispute_fee_charged,
    dispute_loss_returned,
    dispute_lost,
    dispute_prevented,
    dispute_reinstated,
    dispute_withdrawn,
)
from apps.ledger.recipes.exchange import (
    captured_abroad,
    exchanged,
    exchanged_by_gateway,
    refunded_abroad,
)
from apps.ledger.recipes.fact import Fact, Share
from apps.ledger.recipes.payments import (
    authorisation_raised,
    authorised,
    captured,
    captured_in_conflict,
    fee_charged,
    refund_reversed,
    refunded,
    voided,
)
from apps.ledger.recipes.sellers import (
    payout_failed,
    payout_held,
    payout_paid,
    payout_released,
    payout_returned,
    payout_sent,
    reserve_held,
    reserve_released,
    share_available,
    transfer_reversed,
    transferred,
)
from apps.ledger.recipes.settlements import (
    corrected,
    corrected_per_currency,
    credit_granted,
    credit_used,
    settled,
    settlement_received,
    settlement_received_otherwise,
)

__all__ = [
    "Fact",
    "Share",
    "authorisation_raised",
    "authorised",
    "captured",
    "captured_abroad",
    "captured_in_conflict",
    "corrected",
    "corrected_per_currency",
    "credit_granted",
    "credit_used",
    "dispute_fee_charged",
    "dispute_loss_returned",
    "dispute_lost",
    "dispute_prevented",
    "dispute_reinstated",
    "dispute_withdrawn",
    "exchanged",
    "exchanged_by_gateway",
    "fee_charged",
    "payout_failed",
    "payout_held",
    "payout_paid",
    "payout_released",
    "payout_returned",
    "payout_sent",
    "refund_reversed",
    "refunded",
    "refunded_abroad",
    "reserve_held",
    "reserve_released",
    "settled",
    "settlement_received",
    "settlement_received_otherwise",
    "share_available",
    "transfer_reversed",
    "transferred",
    "voided",
]
