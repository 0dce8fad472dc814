"""What is written in reconciliation."""

from apps.reconciliation.services.closing import close_month
from apps.reconciliation.services.exceptions import assign_exceptions, resolve_exception
from apps.reconciliation.services.fetching import compare_day, fetch_report
from apps.reconciliation.services.files import import_statement, open_statement
from apps.reconciliation.services.recovery import ask_gateway_again
from apps.reconciliation.services.runs import reconcile_day

__all__ = [
    "ask_gateway_again",
    "assign_exceptions",
    "close_month",
    "compare_day",
    "fetch_report",
    "import_statement",
    "open_statement",
    "reconcile_day",
    "resolve_exception",
]
