"""
Stripe's itemised report `balance_change_from_activity`, or any other with its columns.

Source: docs.stripe.com/reports/report-types and docs.stripe.com/reports/reporting-categories.
"""

from operator import itemgetter
from typing import Final

from apps.reconciliation.statements.columns import (
    Columns,
    check_lengths,
    check_names,
    check_sums,
    plain_amounts,
    same_places,
)
from apps.reconciliation.statements.line import (
    MAX_REFERENCE_CHARACTERS,
    BadValue,
    ParsedLine,
    check_named,
    check_reference,
    columns_of,
    currency_of,
    local_moment,
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


class StripeReport:
    """Reads the rows below a report's header."""

    def __init__(self, header: list[str]) -> None:
        """
        Find the columns.

        :raises StatementUnreadable: one is missing
        """
        places = columns_of(header, _NEEDED, format="Stripe")
        self.width = len(header)
        # Columns that the report does not have point behind the row, where an empty text is put.
        optional = [places.get(name, self.width) for name in _OPTIONAL]
        self._pick = itemgetter(*(places[name] for name in _NEEDED), *optional)

    def read_row(self, number: int, row: list[str]) -> ParsedLine:
        """
        Read one row.

        :raises BadValue: a value is not what its column promises
        """
        values = self._pick([*row, ""])
        reference, created, currency_text, gross, fee, net, category, source, *optional = values
        payment, attempt, refund, payout = optional
        currency = currency_of(currency_text)
        gross, fee, net = three_amounts(gross, fee, net, currency)
        if len(source) + len(payment) + len(payout) > MAX_REFERENCE_CHARACTERS:
            raise BadValue("a reference is too long")
        kind = _KINDS.get(category, LineKind.OTHER)
        check_named(kind, source)
        return ParsedLine(
            number,
            check_reference(reference),
            kind.value,
            source,
            payment,
            _pick_ours(kind, attempt, refund, reference)[:MAX_REFERENCE_CHARACTERS],
            payout,
            currency,
            gross,
            fee,
            net,
            local_moment(created, "UTC"),
        )

    def read_columns(self, columns: Columns) -> Columns | None:
        """Read rows as columns, None when one of them needs a closer look."""
        values = self._pick([*columns, [""] * len(columns[0])])
        references, created, currency_texts, gross, fee, net, categories, sources, *optional = (
            values
        )
        payments, attempts, refunds, payouts = optional
        try:
            check_lengths([references], at_least=1)
            check_lengths([sources, payments, payouts])
            check_lengths([attempts])
            check_lengths([refunds])
            currencies, places = same_places(currency_texts)
            amounts = [plain_amounts(texts, places) for texts in (gross, fee, net)]
            check_sums(*amounts)
            moments = [local_moment(text, "UTC") for text in created]
            kinds = [_KINDS.get(category, LineKind.OTHER) for category in categories]
            check_names(kinds, sources)
        except BadValue:
            return None
        ours = list(map(_pick_ours, kinds, attempts, refunds, references))
        return [
            references, kinds, sources, payments, ours, payouts,
            currencies, *amounts, moments,
        ]  # fmt: skip


def _pick_ours(kind: LineKind, attempt: str, refund: str, reference: str) -> str:
    """Return our own reference, or what the books know a dispute's money by."""
    if kind in _REFUNDS:
        return refund
    return reference if kind in _DISPUTES else attempt
