"""What is written in reconciliation."""

from apps.reconciliation.services.exceptions import resolve_exception
from apps.reconciliation.services.files import import_statement
from apps.reconciliation.services.runs import reconcile_day

__all__ = ["import_statement", "reconcile_day", "resolve_exception"]
