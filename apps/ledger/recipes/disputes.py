"""Disputes: the gateway takes the money while the bank decides."""

from apps.ledger import chart
from apps.ledger.drafts import EntryDraft, Leg
from apps.ledger.recipes.fact import Fact, Share, entry, legs, reversed_legs, shares_total

DISPUTE = "dispute"


def dispute_withdrawn(fact: Fact, *, fee: int = 0) -> EntryDraft:
    """Book that the gateway took the disputed amount back, and its fee (AC-83)."""
    return entry(fact, "dispute_withdrawn", DISPUTE, _withdrawn(fact, fee))


def dispute_reinstated(fact: Fact, *, fee_returned: int = 0) -> EntryDraft:
    """Book a dispute that is won: the money is back, the fee where the gateway returns it."""
    return entry(fact, "dispute_reinstated", DISPUTE, reversed_legs(_withdrawn(fact, fee_returned)))


def dispute_fee_charged(fact: Fact) -> EntryDraft:
    """Book a fee which the gateway told after it took the money: it keeps it from what it owes."""
    return entry(
        fact,
        "fee_charged",
        DISPUTE,
        legs(
            fact.currency,
            (chart.DISPUTE_FEES, fact.gateway, fact.amount),
            (chart.GATEWAY_CLEARING, fact.gateway, -fact.amount),
        ),
    )


def dispute_lost(
    fact: Fact, *, booked: int, shares: tuple[Share, ...] = (), platform_fee: int = 0
) -> EntryDraft:
    """
    Book a loss: `fact.amount` was withdrawn, `booked` is what the payment was booked with.

    What was withdrawn above that came from the exchange rate and is no loss of the dispute
    (AC-85). `shares` are borne by sellers, below zero if need be; `platform_fee` is what of our fee
    goes with the payment: less income, not a loss (AC-49d).
    """
    kept = _kept(fact, booked, shares, platform_fee, account=chart.DISPUTE_LOSSES)
    return entry(fact, "dispute_lost", DISPUTE, kept)


def dispute_loss_returned(
    fact: Fact, *, booked: int, shares: tuple[Share, ...] = (), platform_fee: int = 0
) -> EntryDraft:
    """Take `dispute_lost` back: the bank came back to its decision after it was booked."""
    kept = _kept(fact, booked, shares, platform_fee, account=chart.DISPUTE_LOSSES)
    return entry(fact, "dispute_loss_returned", DISPUTE, reversed_legs(kept))


def dispute_prevented(
    fact: Fact, *, booked: int, shares: tuple[Share, ...] = (), platform_fee: int = 0
) -> EntryDraft:
    """Book a dispute that was settled by giving the money back: a refund, not a loss (AC-88)."""
    kept = _kept(fact, booked, shares, platform_fee, account=chart.REFUNDS)
    return entry(fact, "dispute_prevented", DISPUTE, kept)


def _kept(
    fact: Fact, booked: int, shares: tuple[Share, ...], platform_fee: int, *, account: str
) -> tuple[Leg, ...]:
    return legs(
        fact.currency,
        (account, "", booked - shares_total(shares) - platform_fee),
        (chart.FX_GAIN_LOSS, "", fact.amount - booked),
        (chart.PLATFORM_FEES, "", platform_fee),
        *((chart.SELLER_PAYABLE, share.seller_id, share.amount) for share in shares),
        (chart.DISPUTE_WITHHELD, fact.gateway, -fact.amount),
        forced=True,
    )


def _withdrawn(fact: Fact, fee: int) -> tuple[Leg, ...]:
    return legs(
        fact.currency,
        (chart.DISPUTE_WITHHELD, fact.gateway, fact.amount),
        (chart.DISPUTE_FEES, fact.gateway, fee),
        (chart.GATEWAY_CLEARING, fact.gateway, -fact.amount - fee),
    )
