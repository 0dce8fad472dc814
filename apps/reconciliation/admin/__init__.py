"""Reconciliation in the back-office: statements, runs, the queue of exceptions, payouts."""

from apps.reconciliation.admin.exceptions import DiscrepancyAdmin
from apps.reconciliation.admin.files import StatementFileAdmin
from apps.reconciliation.admin.runs import ReconciliationRunAdmin
from apps.reconciliation.admin.settlements import SettlementAdmin

__all__ = [
    "DiscrepancyAdmin",
    "ReconciliationRunAdmin",
    "SettlementAdmin",
    "StatementFileAdmin",
]
