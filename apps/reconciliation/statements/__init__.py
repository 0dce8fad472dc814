"""Statements of gateways and banks, read row by row into our own form. Pure."""

from apps.reconciliation.statements.adyen import parse_adyen
from apps.reconciliation.statements.bank import parse_bank_csv, parse_camt053
from apps.reconciliation.statements.line import ParsedBankLine, ParsedLine, RowRefused
from apps.reconciliation.statements.stripe import parse_stripe

__all__ = [
    "ParsedBankLine",
    "ParsedLine",
    "RowRefused",
    "parse_adyen",
    "parse_bank_csv",
    "parse_camt053",
    "parse_stripe",
]
