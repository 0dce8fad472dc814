"""Gateways pay us out, and people decide about what is left over."""

from collections.abc import Mapping

from apps.ledger import chart
from apps.ledger.drafts import EntryDraft
from apps.ledger.recipes.fact import Fact, entry, legs

SETTLEMENT = "settlement"


def settled(fact: Fact) -> EntryDraft:
    """Book that a gateway sent money to our bank, as it says."""
    return entry(
        fact,
        "settled",
        SETTLEMENT,
        legs(
            fact.currency,
            (chart.SETTLEMENTS_IN_TRANSIT, fact.gateway, fact.amount),
            (chart.GATEWAY_CLEARING, fact.gateway, -fact.amount),
        ),
    )


def settlement_received(fact: Fact, *, bank: str) -> EntryDraft:
    """Book that the bank statement shows a gateway's payout."""
    return entry(
        fact,
        "settlement_received",
        SETTLEMENT,
        legs(
            fact.currency,
            (chart.BANK, bank, fact.amount),
            (chart.SETTLEMENTS_IN_TRANSIT, fact.gateway, -fact.amount),
        ),
    )


def settlement_received_otherwise(
    fact: Fact, *, bank: str, received: int, counter: str
) -> EntryDraft:
    """Book that another amount than a gateway sent has arrived; `counter` takes the difference."""
    return entry(
        fact,
        "settlement_received",
        SETTLEMENT,
        legs(
            fact.currency,
            (chart.BANK, bank, received),
            (counter, "", fact.amount - received),
            (chart.SETTLEMENTS_IN_TRANSIT, fact.gateway, -fact.amount),
        ),
    )


def credit_granted(fact: Fact, *, customer_id: str, source_type: str) -> EntryDraft:
    """Grant a customer credit for later invoices; it reduces what we sold."""
    return entry(
        fact,
        "credit_granted",
        source_type,
        legs(
            fact.currency,
            (chart.REFUNDS, "", fact.amount),
            (chart.CUSTOMER_CREDIT, customer_id, -fact.amount),
        ),
    )


def credit_used(fact: Fact, *, customer_id: str, source_type: str) -> EntryDraft:
    """Pay part of an invoice from the customer's credit; never more than there is."""
    return entry(
        fact,
        "credit_used",
        source_type,
        legs(
            fact.currency,
            (chart.CUSTOMER_CREDIT, customer_id, fact.amount),
            (chart.SALES, "", -fact.amount),
        ),
    )


def corrected(
    fact: Fact, *, debit: tuple[str, str], credit: tuple[str, str], source_type: str
) -> EntryDraft:
    """Move money between two accounts, (code, owner) each, as a person decided."""
    return entry(
        fact,
        "corrected",
        source_type,
        legs(fact.currency, (*debit, fact.amount), (*credit, -fact.amount)),
    )


def corrected_per_currency(
    fact: Fact,
    *,
    account: tuple[str, str],
    counter: tuple[str, str],
    changes: Mapping[str, int],
    source_type: str,
) -> EntryDraft:
    """Change an account, (code, owner), by so much of each currency, against another one."""
    return entry(
        fact,
        "corrected",
        source_type,
        tuple(
            leg
            for currency, change in sorted(changes.items())
            for leg in legs(currency, (*account, change), (*counter, -change))
        ),
    )
