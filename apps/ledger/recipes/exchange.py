"""
Payments in a currency other than that of the books.

Each currency balances for itself against `fx_clearing`, which holds the position: the foreign
money on one side, what it was booked with on the other.
"""

from dataclasses import replace

from apps.ledger import chart
from apps.ledger.drafts import EntryDraft, Leg
from apps.ledger.policies import Conversion, Exchange
from apps.ledger.recipes.fact import Fact, entry, legs
from apps.ledger.recipes.payments import ATTEMPT, REFUND
from apps.ledger.states import Layer

# The key of an entry's metadata that names the payment whose money was exchanged.
POSITION = "exchanged_payment"

# Where a gateway's money stands: the side of an entry that it may exchange.
OUTER_ACCOUNTS = frozenset({chart.GATEWAY_CLEARING, chart.DISPUTE_WITHHELD})


def captured_abroad(fact: Fact, *, booked: Conversion) -> EntryDraft:
    """Take money in the payer's currency and count it as sales of the books' (AC-45)."""
    foreign = legs(
        fact.currency,
        (chart.GATEWAY_CLEARING, fact.gateway, fact.amount),
        (chart.FX_CLEARING, "", -fact.amount),
    )
    own = legs(
        booked.currency,
        (chart.FX_CLEARING, "", booked.amount),
        (chart.SALES, "", -booked.amount),
    )
    return entry(_with_rate(fact, booked), "captured", ATTEMPT, foreign + own)


def refunded_abroad(fact: Fact, *, booked: int, today: Conversion) -> EntryDraft:
    """
    Give money back at today's rate; `booked` is what this part was booked with.

    The difference goes to `fx_gain_loss`: a loss where the currency has fallen since.
    """
    foreign = legs(
        fact.currency,
        (chart.FX_CLEARING, "", fact.amount),
        (chart.GATEWAY_CLEARING, fact.gateway, -fact.amount),
    )
    own = legs(
        today.currency,
        (chart.REFUNDS, "", today.amount),
        (chart.FX_GAIN_LOSS, "", booked - today.amount),
        (chart.FX_CLEARING, "", -booked),
    )
    return entry(_with_rate(fact, today), "refunded", REFUND, foreign + own)


def exchanged(fact: Fact, *, booked: int, received: Conversion) -> EntryDraft:
    """
    Book that a gateway changed foreign money, `booked` at that amount, into ours.

    Closes the position in `fx_clearing`; what the rate gained or lost shows in `fx_gain_loss`.
    """
    foreign = legs(
        fact.currency,
        (chart.FX_CLEARING, "", fact.amount),
        (chart.GATEWAY_CLEARING, fact.gateway, -fact.amount),
    )
    own = legs(
        received.currency,
        (chart.GATEWAY_CLEARING, fact.gateway, received.amount),
        (chart.FX_GAIN_LOSS, "", booked - received.amount),
        (chart.FX_CLEARING, "", -booked),
    )
    return entry(_with_rate(fact, received), "exchanged", "settlement", foreign + own)


def exchanged_by_gateway(draft: EntryDraft, *, payment: str, exchange: Exchange) -> EntryDraft:
    """
    Book a capture, refund or lost dispute whose money the gateway exchanged on the way.

    `draft` books it in the payment's currency. The gateway's leg in it goes to `fx_clearing`, and
    the gateway's account moves in the currency it settles in. What the rate changed since the
    capture shows in `fx_gain_loss` (AC-45, AC-85). `payment` is the attempt that was captured:
    the entries that name it make its position (`find_position`).
    """
    (outer,) = (leg for leg in draft.legs if _is_outer(leg))
    sign = 1 if outer.amount > 0 else -1
    settled, booked, fee = exchange.settled, exchange.booked, exchange.fee
    own = legs(
        settled.currency,
        (outer.account, outer.owner, sign * settled.amount - fee),
        (chart.GATEWAY_FEES, outer.owner, fee),
        (chart.FX_GAIN_LOSS, "", sign * (booked - settled.amount)),
        (chart.FX_CLEARING, "", -sign * booked),
    )
    bridged = tuple(
        replace(leg, account=chart.FX_CLEARING, owner="") if leg is outer else leg
        for leg in draft.legs
    )
    metadata = {**draft.metadata, **settled.rate.metadata(), POSITION: payment}
    return replace(draft, legs=bridged + own, metadata=metadata)


def _is_outer(leg: Leg) -> bool:
    return leg.account in OUTER_ACCOUNTS and leg.layer == Layer.POSTED


def _with_rate(fact: Fact, conversion: Conversion) -> Fact:
    return replace(fact, metadata={**fact.metadata, **conversion.rate.metadata()})
