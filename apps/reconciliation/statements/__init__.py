"""Statements of gateways and banks, read into our own form. Pure."""

from apps.reconciliation.statements.adyen import AdyenReport
from apps.reconciliation.statements.bank import parse_bank_csv, parse_camt053
from apps.reconciliation.statements.blocks import Block, read_report, read_rows
from apps.reconciliation.statements.line import PaidIn, ParsedBankLine, ParsedLine, RowRefused
from apps.reconciliation.statements.stripe import StripeReport

__all__ = [
    "AdyenReport",
    "Block",
    "PaidIn",
    "ParsedBankLine",
    "ParsedLine",
    "RowRefused",
    "StripeReport",
    "parse_bank_csv",
    "parse_camt053",
    "read_report",
    "read_rows",
]
