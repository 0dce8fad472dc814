"""
Stripe's itemised report `balance_change_from_activity`, or any other with its columns.

Source: docs.stripe.com/reports/report-types and docs.stripe.com/reports/reporting-categories.
"""

from collections.abc import Iterator
from operator import itemgetter
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
    shorten,
    three_amounts,
)
from apps.reconciliation.states import LineKind

_NEEDED: Final = (
    "balance_transaction_id",
    "created_utc",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
)
# Only some reports have them; without, less can be matched.
_OPTIONAL: Final = (
    "payment_intent_id",
    "payment_metadata[attempt]",
    "refund_metadata[refund]",
    "automatic_payout_id",
)
_KINDS: Final = {
    "charge": LineKind.CHARGE,
    "partial_capture_reversal": LineKind.CAPTURE_RELEASE,
    "refund": LineKind.REFUND,
    "refund_failure": LineKind.REFUND_FAILURE,
    "dispute": LineKind.DISPUTE,
    "dispute_reversal": LineKind.DISPUTE_REVERSAL,
    "payout": LineKind.PAYOUT,
    "payout_reversal": LineKind.PAYOUT_FAILURE,
    "fee": LineKind.FEE,
}
_REFUNDS: Final = frozenset({LineKind.REFUND, LineKind.REFUND_FAILURE})
# The books know money of a dispute by the movement itself.
_DISPUTES: Final = frozenset({LineKind.DISPUTE, LineKind.DISPUTE_REVERSAL})


def parse_stripe(text: TextIO) -> Iterator[ParsedLine | RowRefused]:
    """
    Read the report row by row; a bad row is handed on as refused.

    :raises StatementUnreadable: the header lacks a column
    """
    feed = RowFeed(text)
    rows = feed.rows()
    header = next(rows, [])
    places = columns_of(header, _NEEDED, format="Stripe")
    width = len(header)
    # Columns that the report does not have point behind the row, where an empty text is put.
    needed = [places[name] for name in _NEEDED]
    optional = [places.get(name, width) for name in _OPTIONAL]
    pick = itemgetter(*needed, *optional)
    for row in rows:
        if feed.refused:
            yield from feed.refused
            feed.refused.clear()
        try:
            check_width(row, width)
            row.append("")
            yield _read(feed.number, pick(row))
        except BadValue as reason:
            yield RowRefused(feed.number, str(reason), shorten(feed.line))
    yield from feed.refused


def _read(number: int, values: tuple[str, ...]) -> ParsedLine:
    reference, created, currency_text, gross, fee, net, category, source, *optional = values
    payment, attempt, refund, payout = optional
    currency = currency_of(currency_text)
    gross, fee, net = three_amounts(gross, fee, net, currency)
    if len(source) + len(payment) + len(payout) > MAX_REFERENCE_CHARACTERS:
        raise BadValue("a reference is too long")
    kind = _KINDS.get(category, LineKind.OTHER)
    ours = refund if kind in _REFUNDS else reference if kind in _DISPUTES else attempt
    return ParsedLine(
        number,
        check_reference(reference),
        kind.value,
        source,
        payment,
        ours[:MAX_REFERENCE_CHARACTERS],
        payout,
        currency,
        gross,
        fee,
        net,
        local_moment(created, "UTC"),
    )
