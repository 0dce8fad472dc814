"""
Adyen's dispute report of a day, in its standard columns and their order, with one more.

"Rapid Dispute Resolution" is this simulator's own, as the detail of a notification with that name.
"""

import csv
from collections.abc import Iterable, Mapping
from datetime import datetime
from io import StringIO

from simulator.adyen.account import Item, brand_of
from simulator.report_lines import major

COLUMNS = (
    "Company Account", "Merchant Account", "Psp Reference", "Merchant Reference", "Payment Method",
    "Record Date", "Record Date TimeZone", "Dispute Currency", "Dispute Amount", "Record Type",
    "Dispute PSP Reference", "Dispute Reason", "RFI Scheme Code", "RFI Reason Code",
    "CB Scheme Code", "CB Reason Code", "NoF Scheme Code", "NoF Reason Code", "Payment Date",
    "Payment Date TimeZone", "Payment Currency", "Payment Amount", "Dispute Date",
    "Dispute Date TimeZone", "Dispute ARN", "User Name", "Risk Scoring", "Shopper Interaction",
    "Shopper Name", "Shopper Email", "Shopper Reference", "Shopper PAN", "Iban", "Bic",
    "Shopper IP", "Shopper Country", "Issuer Country", "Issuer Id", "3D Directory Response",
    "3D Authentication Response", "CVC2 Response", "AVS Response", "Dispute Auto Defended",
    "Dispute End Date", "Dispute End Date TimeZone", "Rapid Dispute Resolution",
)  # fmt: skip
_ZONE = "UTC"


def report_line(item: Item, at: datetime) -> Mapping[str, str]:
    """Return the line of what a notification told at that time, in UTC."""
    payment, details = item.payment, item.details
    currency = payment.currency.upper()
    line = {
        "Company Account": "Simulated",
        "Psp Reference": payment.psp_reference,
        "Merchant Reference": payment.reference,
        "Payment Method": brand_of(payment),
        "Record Date": _local(at),
        "Record Date TimeZone": _ZONE,
        "Dispute Currency": currency,
        "Dispute Amount": major(item.amount, payment.currency),
        "Record Type": "".join(word.capitalize() for word in item.code.split("_")),
        "Dispute PSP Reference": item.psp_reference,
        "Dispute Reason": item.reason,
        "RFI Scheme Code": details.get("rfiSchemeCode", ""),
        "RFI Reason Code": details.get("rfiReasonCode", ""),
        "CB Scheme Code": details.get("chargebackSchemeCode", ""),
        "CB Reason Code": details.get("chargebackReasonCode", ""),
        "Payment Currency": currency,
        "Payment Amount": major(payment.amount, payment.currency),
        "Dispute Auto Defended": "false",
        "Rapid Dispute Resolution": details.get("rapidDisputeResolution", ""),
    }
    if ends_at := details.get("defensePeriodEndsAt", ""):
        line["Dispute End Date"] = _local(datetime.fromisoformat(ends_at))
        line["Dispute End Date TimeZone"] = _ZONE
    return line


def write_dispute_report(lines: Iterable[Mapping[str, str]]) -> bytes:
    """Return the lines as CSV."""
    out = StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue().encode()


def _local(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
