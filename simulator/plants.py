"""
What a report or a bank statement can get wrong, by the name which the exception should have.

Most plants change the line of a captured payment. The others befall a payment that moved no money,
nobody's payment at all, the PSP's payout, or what the bank shows of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from simulator.report_lines import ReportLine

_DAY_SECONDS: Final = 24 * 60 * 60
# How much more a payout is than its lines, and how much less of it arrives.
PAYOUT_SURPLUS: Final = 100
BANK_SHORTFALL: Final = 50

ChangeLine = Callable[[ReportLine], list[ReportLine]]


def as_it_is(line: ReportLine) -> list[ReportLine]:
    """Leave a line right."""
    return [line]


def _in_parts(line: ReportLine) -> list[ReportLine]:
    first = replace(line, gross=line.gross - line.gross // 2)
    return [first, replace(line, id=f"{line.id}_2", gross=1, fee=0)]


ON_PAYMENTS: Mapping[str, ChangeLine] = {
    "missing_in_report": lambda _line: [],
    "amount_over": lambda line: [replace(line, gross=line.gross + 100)],
    "amount_under": lambda line: [replace(line, gross=line.gross - 100)],
    "fee_mismatch": lambda line: [replace(line, fee=line.fee + 1)],
    "currency_mismatch": lambda line: [replace(line, currency="chf")],
    "date_cutoff": lambda line: [replace(line, created=line.created - 3 * _DAY_SECONDS)],
    "duplicate_line": lambda line: [line, line],
    "split_mismatch": _in_parts,
    "malformed_row": lambda line: [replace(line, is_broken=True)],
}
# The report tells of money that never moved: nobody's, or of a payment that failed.
STRANGER = "missing_in_ledger"
NEVER_TAKEN = "status_mismatch"
# The bank sends the payout back, and the PSP pays it out once more with its next one.
RETURNED: Final = "payout_failed"
ON_PAYOUTS: Final = ("payout_mismatch", RETURNED, "bank_mismatch", "bank_missing")
NEVER_ARRIVES: Final = frozenset({"bank_missing", RETURNED})
# The bank alone, whatever the PSP.
BANK_STRANGER = "bank_unexplained"
PLANTS: Final = (*ON_PAYMENTS, STRANGER, NEVER_TAKEN, *ON_PAYOUTS, BANK_STRANGER)
