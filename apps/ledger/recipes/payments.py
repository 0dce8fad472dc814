"""Holding money, taking it, letting it go, giving it back. Facts of attempts and refunds."""

from apps.ledger import chart
from apps.ledger.drafts import EntryDraft, Leg
from apps.ledger.recipes.fact import Fact, Share, entry, legs, reversed_legs, shares_total
from apps.ledger.states import Layer

ATTEMPT = "payment_attempt"
REFUND = "refund"


def authorised(fact: Fact) -> EntryDraft:
    """Hold money: pending at the gateway, nothing has moved."""
    return entry(fact, "authorised", ATTEMPT, _hold(fact, fact.amount))


def authorisation_raised(fact: Fact) -> EntryDraft:
    """Hold `fact.amount` more on top of an authorisation; `fact.id` names this raise."""
    return entry(fact, "authorisation_raised", ATTEMPT, _hold(fact, fact.amount))


def voided(fact: Fact) -> EntryDraft:
    """Let go of held money: the authorisation was voided, or its time ran out."""
    return entry(fact, "voided", ATTEMPT, _hold(fact, -fact.amount))


def captured(
    fact: Fact,
    *,
    fee: int = 0,
    release: int = 0,
    shares: tuple[Share, ...] = (),
    platform_fee: int = 0,
) -> EntryDraft:
    """
    Take money: the gateway owes us the amount less its `fee`, if the fee is known already.

    `release` is what was held and ends with this capture: the whole authorisation, also when less
    was captured. `shares` go to sellers and `platform_fee` to us; what is left counts as sales.
    Where a payment is captured in parts, `fact.id` names the part.
    """
    sales = fact.amount - shares_total(shares) - platform_fee
    moved = legs(
        fact.currency,
        (chart.GATEWAY_CLEARING, fact.gateway, fact.amount - fee),
        (chart.GATEWAY_FEES, fact.gateway, fee),
        (chart.SALES, "", -sales),
        (chart.PLATFORM_FEES, "", -platform_fee),
        *((chart.SELLER_PENDING, share.seller_id, -share.amount) for share in shares),
    )
    return entry(fact, "captured", ATTEMPT, moved + _hold(fact, -release))


def captured_in_conflict(fact: Fact) -> EntryDraft:
    """Set money aside which the gateway took but nobody asked for, until a person decides."""
    return entry(
        fact,
        "captured_in_conflict",
        ATTEMPT,
        legs(
            fact.currency,
            (chart.GATEWAY_CLEARING, fact.gateway, fact.amount),
            (chart.SUSPENSE, "", -fact.amount),
        ),
    )


def fee_charged(fact: Fact, *, source_type: str = ATTEMPT) -> EntryDraft:
    """Book a fee which the gateway told after the fact: it keeps it from what it owes us."""
    return entry(
        fact,
        "fee_charged",
        source_type,
        legs(
            fact.currency,
            (chart.GATEWAY_FEES, fact.gateway, fact.amount),
            (chart.GATEWAY_CLEARING, fact.gateway, -fact.amount),
        ),
    )


def refunded(fact: Fact, *, shares: tuple[Share, ...] = (), platform_fee: int = 0) -> EntryDraft:
    """
    Give money back: the gateway takes the amount from what it owes us.

    `shares` come from the sellers' wallets, below zero if need be, and `platform_fee` from ours.
    """
    return entry(fact, "refunded", REFUND, _refund_legs(fact, shares, platform_fee))


def refund_reversed(
    fact: Fact, *, shares: tuple[Share, ...] = (), platform_fee: int = 0
) -> EntryDraft:
    """Take a booked refund back: it failed after the gateway had reported it (AC-49b)."""
    forward = _refund_legs(fact, shares, platform_fee)
    return entry(fact, "refund_reversed", REFUND, reversed_legs(forward))


def _refund_legs(fact: Fact, shares: tuple[Share, ...], platform_fee: int) -> tuple[Leg, ...]:
    own = fact.amount - shares_total(shares) - platform_fee
    return legs(
        fact.currency,
        (chart.REFUNDS, "", own),
        (chart.PLATFORM_FEES, "", platform_fee),
        *((chart.SELLER_PAYABLE, share.seller_id, share.amount) for share in shares),
        (chart.GATEWAY_CLEARING, fact.gateway, -fact.amount),
        forced=True,
    )


def _hold(fact: Fact, amount: int) -> tuple[Leg, ...]:
    return legs(
        fact.currency,
        (chart.GATEWAY_CLEARING, fact.gateway, amount),
        (chart.SALES, "", -amount),
        layer=Layer.PENDING,
    )
