"""
Adyen's settlement detail report.

Amounts stand in debit and credit columns: gross in the payment's currency (GC), net and costs in
that of the settlement (NC). Source: docs.adyen.com/reporting/settlement-detail-report.
"""

from collections.abc import Iterator, Mapping
from typing import Final, TextIO

from apps.reconciliation.statements.line import (
    MAX_REFERENCE_CHARACTERS,
    BadValue,
    ParsedLine,
    RowFeed,
    RowRefused,
    check_reference,
    check_width,
    columns_of,
    currency_of,
    local_moment,
    minor_units,
    shorten,
)
from apps.reconciliation.states import LineKind

_NEEDED: Final = (
    "Psp Reference",
    "Merchant Reference",
    "Creation Date",
    "TimeZone",
    "Type",
    "Modification Reference",
    "Gross Currency",
    "Gross Debit (GC)",
    "Gross Credit (GC)",
    "Net Currency",
    "Net Debit (NC)",
    "Net Credit (NC)",
    "Batch Number",
)
_MODIFICATION_OURS: Final = "Modification Merchant Reference"
_KINDS: Final = {
    "Settled": LineKind.CHARGE,
    "Refunded": LineKind.REFUND,
    "RefundedReversed": LineKind.REFUND_FAILURE,
    "Chargeback": LineKind.DISPUTE,
    "SecondChargeback": LineKind.DISPUTE,
    "ChargebackReversed": LineKind.DISPUTE_REVERSAL,
    "MerchantPayout": LineKind.PAYOUT,
    "Fee": LineKind.FEE,
    "InvoiceDeduction": LineKind.FEE,
}
# Types whose own gross is empty: only the net columns are filled.
_NET_ONLY: Final = frozenset({LineKind.PAYOUT, LineKind.FEE, LineKind.OTHER})
_DISPUTES: Final = frozenset({LineKind.DISPUTE, LineKind.DISPUTE_REVERSAL})
# Adyen abbreviates; an abbreviation that changes in summer stands for the place.
_ZONES: Final = {
    "UTC": "UTC",
    "GMT": "Europe/London",
    "BST": "Europe/London",
    "CET": "Europe/Amsterdam",
    "CEST": "Europe/Amsterdam",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "SGT": "Asia/Singapore",
}


def parse_adyen(text: TextIO) -> Iterator[ParsedLine | RowRefused]:
    """
    Read the report row by row; a bad row is handed on as refused.

    :raises StatementUnreadable: the header lacks a column
    """
    feed = RowFeed(text)
    rows = feed.rows()
    header = [name.strip() for name in next(rows, [])]
    columns_of(header, _NEEDED, format="Adyen")
    for row in rows:
        yield from feed.refused
        feed.refused.clear()
        try:
            check_width(row, len(header))
            yield _read(feed.number, dict(zip(header, row, strict=True)))
        except BadValue as reason:
            yield RowRefused(feed.number, str(reason), shorten(feed.line))
    yield from feed.refused


def _read(number: int, row: Mapping[str, str]) -> ParsedLine:
    kind = _KINDS.get(row["Type"], LineKind.OTHER)
    currency = currency_of(row["Net Currency"])
    net = _signed(row["Net Debit (NC)"], row["Net Credit (NC)"], currency)
    gross = net
    if kind not in _NET_ONLY:
        if currency_of(row["Gross Currency"]) != currency:
            raise BadValue("settled in another currency than paid: not supported")
        gross = _signed(row["Gross Debit (GC)"], row["Gross Credit (GC)"], currency)
    payment, batch = row["Psp Reference"], row["Batch Number"]
    modification = row["Modification Reference"]
    if len(payment) + len(modification) + len(batch) > MAX_REFERENCE_CHARACTERS // 2:
        raise BadValue("a reference is too long")
    target, ours = modification, row.get(_MODIFICATION_OURS, "")
    if kind is LineKind.CHARGE:
        target, ours = payment, row["Merchant Reference"]
    elif kind is LineKind.PAYOUT:
        target, ours = batch, ""
    elif kind in _DISPUTES:
        # The books know money of a dispute by the movement itself.
        ours = modification
    return ParsedLine(
        number,
        # The report gives its rows no id; these together name one.
        check_reference(":".join((batch, row["Type"][:30], payment, modification))),
        kind.value,
        target,
        payment,
        ours[:MAX_REFERENCE_CHARACTERS],
        batch,
        currency,
        str(gross),
        str(gross - net),
        str(net),
        local_moment(row["Creation Date"], _zone(row["TimeZone"])),
    )


def _signed(debit: str, credit: str, currency: str) -> int:
    return int(minor_units(credit, currency)) - int(minor_units(debit, currency))


def _zone(abbreviation: str) -> str:
    zone = _ZONES.get(abbreviation.strip().upper())
    if zone is None:
        raise BadValue(f"{abbreviation[:10]!r} is no time zone we know")
    return zone
