"""Stripe's itemised balance report."""

import csv
import io
from collections.abc import Iterable, Sequence

from simulator.report_lines import ReportLine, major

COLUMNS = (
    "balance_transaction_id", "created_utc", "available_on_utc", "currency", "gross", "fee", "net",
    "reporting_category", "source_id", "description", "automatic_payout_id", "charge_id",
    "payment_intent_id", "payment_metadata[attempt]", "payment_metadata[intent]",
    "refund_metadata[refund]",
)  # fmt: skip
_CATEGORIES = {
    "charge": "charge",
    "refund": "refund",
    "refund_failure": "refund_failure",
    "payout": "payout",
    "payout_failure": "payout_reversal",
}


def write_balance_report(lines: Iterable[ReportLine], columns: Sequence[str] = COLUMNS) -> str:
    """Return the lines as CSV in these of Stripe's columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(line) for line in lines)
    return text.getvalue()


def _row(line: ReportLine) -> dict[str, str]:
    row = {
        "balance_transaction_id": line.id,
        "created_utc": line.moment,
        "available_on_utc": line.moment,
        "currency": line.currency,
        "gross": "n/a" if line.is_broken else major(line.gross, line.currency),
        "fee": major(line.fee, line.currency),
        "net": major(line.net, line.currency),
        "reporting_category": _category(line),
        "source_id": line.source,
        # What the report of payouts calls the two of them.
        "payout_id": line.source,
        "effective_at_utc": line.moment,
        "automatic_payout_id": line.payout,
        "refund_metadata[refund]": line.refund.reference if line.refund else "",
    }
    if line.charge is not None:
        row |= {
            "charge_id": line.charge.id,
            "payment_intent_id": line.charge.payment,
            "payment_metadata[attempt]": line.charge.attempt,
            "payment_metadata[intent]": line.charge.reference,
        }
    return row


def _category(line: ReportLine) -> str:
    if line.is_dispute:
        return "dispute" if line.gross < 0 else "dispute_reversal"
    return _CATEGORIES.get(line.kind, "other_adjustment")
