"""
Adyen's dispute report of a day: each event of a dispute and each report of fraud, once more.

So what no notification told is found. The report names events as the notifications do, but
without underscores and in mixed case; it leaves out how the dispute stood. Pure.

Source: Adyen's page "Disputed transactions", its standard columns
"""

import csv
from datetime import datetime
from io import StringIO

from apps.common.money import AmountInvalid, to_minor
from apps.gateways.adyen.disputes import (
    BY_RULE,
    CODE,
    DISPUTE_CODES,
    DUE_AT,
    FRAUD_CODES,
    RFI_CODE,
    RFI_SCHEME,
    SCHEME,
)
from apps.gateways.adyen.facts import Unreadable
from apps.gateways.adyen.journal import Fact
from apps.gateways.adyen.zones import moment_told

_CODES = {code.replace("_", "").lower(): code for code in DISPUTE_CODES | FRAUD_CODES}
# No standard column: see `BY_RULE`.
_BY_RULE_COLUMN = "Rapid Dispute Resolution"


def read_report(text: str) -> list[Fact]:
    """
    Return the events in a dispute report, as the notifications would have told them.

    :raises Unreadable: a column is missing, or a value is none
    """
    try:
        return [
            _read_line(line, code)
            for line in csv.DictReader(StringIO(text))
            if (code := _CODES.get(line["Record Type"].lower()))
        ]
    except (KeyError, ValueError, csv.Error, AmountInvalid) as defect:
        raise Unreadable("the dispute report is unreadable") from defect


def _read_line(line: dict[str, str], code: str) -> Fact:
    currency = line["Dispute Currency"]
    ends_at = _moment(line, "Dispute End Date")
    return Fact(
        code=code,
        success=True,
        reference=line["Dispute PSP Reference"],
        payment_reference=line["Psp Reference"],
        merchant_reference=line["Merchant Reference"],
        amount=to_minor(line["Dispute Amount"], currency),
        currency=currency,
        occurred_at=_needed_moment(line, "Record Date"),
        reason=line["Dispute Reason"],
        details={
            DUE_AT: ends_at.isoformat() if ends_at else "",
            SCHEME: line["CB Scheme Code"],
            CODE: line["CB Reason Code"],
            RFI_SCHEME: line["RFI Scheme Code"],
            RFI_CODE: line["RFI Reason Code"],
            BY_RULE: line.get(_BY_RULE_COLUMN) or "",
        },
    )


def _needed_moment(line: dict[str, str], column: str) -> datetime:
    moment = _moment(line, column)
    if moment is None:
        raise ValueError(f"{column} is empty")
    return moment


def _moment(line: dict[str, str], column: str) -> datetime | None:
    """Return what a column and that of its time zone say together, None when there is no date."""
    text = line[column]
    return moment_told(text, line[f"{column} TimeZone"]) if text else None
