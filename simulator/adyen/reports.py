"""Adyen's settlement detail report."""

import csv
import io
from collections.abc import Iterable

from simulator.report_lines import SECOND_DISPUTE, ReportLine, major

COLUMNS = (
    "Company Account", "Merchant Account", "Psp Reference", "Merchant Reference", "Payment Method",
    "Creation Date", "TimeZone", "Type", "Modification Reference", "Gross Currency",
    "Gross Debit (GC)", "Gross Credit (GC)", "Exchange Rate", "Net Currency", "Net Debit (NC)",
    "Net Credit (NC)", "Commission (NC)", "Batch Number", "Modification Merchant Reference",
)  # fmt: skip
_TYPES = {
    "charge": "Settled",
    "refund": "Refunded",
    "refund_failure": "RefundedReversed",
    "payout": "MerchantPayout",
    "payout_failure": "BankInstructionReturned",
}


def write_settlement_report(lines: Iterable[ReportLine], *, merchant_account: str) -> str:
    """Return the lines as CSV in Adyen's columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        _row(line) | {"Company Account": "Simulated", "Merchant Account": merchant_account}
        for line in lines
    )
    return text.getvalue()


def _row(line: ReportLine) -> dict[str, str]:
    row = {
        "Creation Date": line.moment,
        "TimeZone": "UTC",
        "Type": _type(line),
        # A capture is a modification of its own; refunds and disputes are known by theirs.
        "Modification Reference": line.id if line.kind == "charge" else line.source,
        "Net Currency": line.currency.upper(),
        "Net Debit (NC)": _side(-line.net, line.currency),
        "Net Credit (NC)": _side(line.net, line.currency),
        "Commission (NC)": major(line.fee, line.currency) if line.fee else "",
        "Batch Number": line.payout,
        "Modification Merchant Reference": line.refund.reference if line.refund else "",
    }
    if line.kind == "payout_failure":
        row["Modification Reference"] = f"Returned payout of batch {line.source}"
    elif line.kind != "payout":
        row |= {
            "Psp Reference": line.charge.payment if line.charge else line.source,
            "Merchant Reference": line.charge.attempt if line.charge else "",
            **_gross(line),
        }
    return row


def _gross(line: ReportLine) -> dict[str, str]:
    """Return what was paid, in the currency in which it was paid."""
    amount, currency = line.gross, line.currency
    if line.paid:
        amount, currency, _ = line.paid
    return {
        "Gross Currency": currency.upper(),
        "Gross Debit (GC)": _side(-amount, currency),
        "Gross Credit (GC)": "n/a" if line.is_broken else _side(amount, currency),
        "Exchange Rate": str(line.paid.rate) if line.paid else "",
    }


def _side(amount: int, currency: str) -> str:
    """Return the amount in the column of its sign; the other one stays empty."""
    return major(amount, currency) if amount > 0 else ""


def _type(line: ReportLine) -> str:
    if line.is_dispute:
        if line.kind == SECOND_DISPUTE:
            return "SecondChargeback"
        return "Chargeback" if line.gross < 0 else "ChargebackReversed"
    return _TYPES.get(line.kind, "MiscCosts")
