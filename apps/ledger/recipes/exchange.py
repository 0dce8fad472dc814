"""
Payments in a currency other than that of the books.

Each currency balances for itself against `fx_clearing`, which holds the position: the foreign
money on one side, what it was booked with on the other.
"""

from dataclasses import replace

from apps.ledger import chart
from apps.ledger.drafts import EntryDraft
from apps.ledger.policies import Conversion
from apps.ledger.recipes.fact import Fact, entry, legs
from apps.ledger.recipes.payments import ATTEMPT, REFUND


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


def _with_rate(fact: Fact, conversion: Conversion) -> Fact:
    return replace(fact, metadata={**fact.metadata, **conversion.rate.metadata()})
