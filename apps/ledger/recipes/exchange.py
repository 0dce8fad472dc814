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


def exchanged(
    fact: Fact, *, payment: str, exchange: Exchange, source_type: str, is_back: bool = False
) -> EntryDraft:
    """
    Book that the gateway exchanged money which is booked in the payment's currency by now.

    For a gateway that tells it only after the capture, or after the refund (`is_back`). Both
    entries together say what `exchanged_by_gateway` would have said at once; `payment` as there.
    """
    sign = -1 if is_back else 1
    outer = (chart.GATEWAY_CLEARING, fact.gateway)
    bridge = legs(
        fact.currency,
        (chart.FX_CLEARING, "", sign * fact.amount),
        (*outer, -sign * fact.amount),
    )
    draft = entry(fact, "exchanged", source_type, bridge + _settled_legs(outer, sign, exchange))
    return _with_position(draft, payment, exchange)


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
    own = _settled_legs((outer.account, outer.owner), sign, exchange)
    bridged = tuple(
        replace(leg, account=chart.FX_CLEARING, owner="") if leg is outer else leg
        for leg in draft.legs
    )
    return _with_position(replace(draft, legs=bridged + own), payment, exchange)


def _settled_legs(outer: tuple[str, str], sign: int, exchange: Exchange) -> tuple[Leg, ...]:
    """Return the half of an exchange in the currency that the gateway settles in."""
    settled, booked, fee = exchange.settled, exchange.booked, exchange.fee
    return legs(
        settled.currency,
        (*outer, sign * settled.amount - fee),
        (chart.GATEWAY_FEES, outer[1], fee),
        (chart.FX_GAIN_LOSS, "", sign * (booked - settled.amount)),
        (chart.FX_CLEARING, "", -sign * booked),
    )


def _with_position(draft: EntryDraft, payment: str, exchange: Exchange) -> EntryDraft:
    told = exchange.settled.rate.metadata()
    return replace(draft, metadata={**draft.metadata, **told, POSITION: payment})


def _is_outer(leg: Leg) -> bool:
    return leg.account in OUTER_ACCOUNTS and leg.layer == Layer.POSTED


def _with_rate(fact: Fact, conversion: Conversion) -> Fact:
    return replace(fact, metadata={**fact.metadata, **conversion.rate.metadata()})
