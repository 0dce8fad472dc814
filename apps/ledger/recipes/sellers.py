"""Sellers: shares become available, are moved, held back and paid out."""

from apps.ledger import chart
from apps.ledger.drafts import EntryDraft, Leg
from apps.ledger.recipes.fact import Fact, entry, legs, reversed_legs
from apps.ledger.states import Layer

TRANSFER = "transfer"
TRANSFER_REVERSAL = "transfer_reversal"
PAYOUT = "payout"


def share_available(fact: Fact, *, seller_id: str, source_type: str) -> EntryDraft:
    """Make a share of a payment available for payouts."""
    moved = _move(fact, (chart.SELLER_PENDING, seller_id), (chart.SELLER_PAYABLE, seller_id))
    return entry(fact, "share_available", source_type, moved)


def transferred(fact: Fact, *, seller_id: str) -> EntryDraft:
    """Give a seller part of what we sold, apart from any capture."""
    moved = _move(fact, (chart.SELLER_SHARES, ""), (chart.SELLER_PAYABLE, seller_id))
    return entry(fact, "transferred", TRANSFER, moved)


def transfer_reversed(fact: Fact, *, seller_id: str) -> EntryDraft:
    """Take a transfer back, in whole or part; refused where the wallet is too empty."""
    moved = _move(fact, (chart.SELLER_PAYABLE, seller_id), (chart.SELLER_SHARES, ""))
    return entry(fact, "transfer_reversed", TRANSFER_REVERSAL, moved)


def reserve_held(fact: Fact, *, seller_id: str, source_type: str) -> EntryDraft:
    """Hold money of a wallet back against refunds and disputes."""
    moved = _move(fact, (chart.SELLER_PAYABLE, seller_id), (chart.SELLER_RESERVE, seller_id))
    return entry(fact, "reserve_held", source_type, moved)


def reserve_released(fact: Fact, *, seller_id: str, source_type: str) -> EntryDraft:
    """Give reserved money back to the wallet."""
    moved = _move(fact, (chart.SELLER_RESERVE, seller_id), (chart.SELLER_PAYABLE, seller_id))
    return entry(fact, "reserve_released", source_type, moved)


def payout_held(fact: Fact, *, seller_id: str) -> EntryDraft:
    """Hold a wallet's money for a payout: it is no longer available, but still there."""
    return entry(fact, "payout_held", PAYOUT, _payout_hold(fact, seller_id))


def payout_released(fact: Fact, *, seller_id: str) -> EntryDraft:
    """Let go of the hold: the payout was canceled before it was sent."""
    released = reversed_legs(_payout_hold(fact, seller_id))
    return entry(fact, "payout_released", PAYOUT, released)


def payout_sent(fact: Fact, *, seller_id: str) -> EntryDraft:
    """
    Book that the payout is on its way to the bank; the hold ends.

    The leg is forced: what was available when the money was held has left since, whatever
    disputes came in between.
    """
    sent = legs(
        fact.currency,
        (chart.SELLER_PAYABLE, seller_id, fact.amount),
        (chart.PAYOUTS_IN_TRANSIT, seller_id, -fact.amount),
        forced=True,
    )
    released = reversed_legs(_payout_hold(fact, seller_id))
    return entry(fact, "payout_sent", PAYOUT, sent + released)


def payout_paid(fact: Fact, *, seller_id: str, bank: str = "") -> EntryDraft:
    """
    Book that the bank confirmed: the money is with the seller.

    It came from our `bank` account or, without one, from what the gateway holds for us.
    """
    moved = _move(fact, (chart.PAYOUTS_IN_TRANSIT, seller_id), _paid_from(fact, bank))
    return entry(fact, "payout_paid", PAYOUT, moved)


def payout_failed(fact: Fact, *, seller_id: str) -> EntryDraft:
    """Book that the bank sent the money back: it is in the wallet again."""
    moved = _move(fact, (chart.PAYOUTS_IN_TRANSIT, seller_id), (chart.SELLER_PAYABLE, seller_id))
    return entry(fact, "payout_failed", PAYOUT, moved)


def payout_returned(fact: Fact, *, seller_id: str, bank: str = "") -> EntryDraft:
    """Book that the bank sent money back which it had confirmed as paid (AC-68)."""
    moved = _move(fact, _paid_from(fact, bank), (chart.SELLER_PAYABLE, seller_id))
    return entry(fact, "payout_returned", PAYOUT, moved)


def _paid_from(fact: Fact, bank: str) -> tuple[str, str]:
    return (chart.BANK, bank) if bank else (chart.GATEWAY_CLEARING, fact.gateway)


def _payout_hold(fact: Fact, seller_id: str) -> tuple[Leg, ...]:
    return legs(
        fact.currency,
        (chart.SELLER_PAYABLE, seller_id, fact.amount),
        (chart.PAYOUTS_IN_TRANSIT, seller_id, -fact.amount),
        layer=Layer.PENDING,
    )


def _move(fact: Fact, debited: tuple[str, str], credited: tuple[str, str]) -> tuple[Leg, ...]:
    return legs(fact.currency, (*debited, fact.amount), (*credited, -fact.amount))
