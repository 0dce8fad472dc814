"""Read what is reconciled and what is not."""

from datetime import date

from django.db.models import Q

from apps.common.errors import ResourceMissing
from apps.common.origin import Scope
from apps.reconciliation.models import (
    Discrepancy,
    ReconciliationRun,
    StatementFile,
)
from apps.reconciliation.states import BANK_FORMATS


def list_scopes() -> list[tuple[Scope, str]]:
    """Return each merchant, mode and gateway account that a statement was taken in for."""
    files = StatementFile.objects.exclude(format__in=BANK_FORMATS)
    rows = files.values_list("merchant_id", "livemode", "source").distinct()
    return sorted(
        ((Scope(merchant, live), source) for merchant, live, source in rows),
        key=lambda pair: (pair[0].merchant_id, pair[0].livemode, pair[1]),
    )


def has_news(scope: Scope, gateway: str, day: date) -> bool:
    """Return whether a run for the day could find what earlier runs for it could not."""
    mine = {"merchant_id": scope.merchant_id, "livemode": scope.livemode}
    runs = ReconciliationRun.objects.filter(**mine, gateway=gateway, day=day)
    last_run = runs.order_by("-pk").first()
    if last_run is None:
        return True
    # Of the bank's statements every gateway may have waited for.
    statements = StatementFile.objects.filter(Q(source=gateway) | Q(format__in=BANK_FORMATS))
    return statements.filter(**mine, created_at__gt=last_run.created_at).exists()


def get_file(scope: Scope, file_id: str) -> StatementFile:
    """
    Return a statement.

    :raises ResourceMissing: not of this account and mode
    """
    rows = StatementFile.objects.filter(merchant_id=scope.merchant_id, livemode=scope.livemode)
    found = rows.filter(pk=file_id).first()
    if found is None:
        raise ResourceMissing(resource="reconciliation file", id=file_id[:60], param="id")
    return found


def get_run(scope: Scope, run_id: str) -> ReconciliationRun:
    """
    Return a run.

    :raises ResourceMissing: not of this account and mode
    """
    rows = ReconciliationRun.objects.filter(merchant_id=scope.merchant_id, livemode=scope.livemode)
    found = rows.filter(pk=run_id).first()
    if found is None:
        raise ResourceMissing(resource="reconciliation run", id=run_id[:60], param="id")
    return found


def get_exception(scope: Scope, exception_id: str) -> Discrepancy:
    """
    Return an exception.

    :raises ResourceMissing: not of this account and mode
    """
    rows = Discrepancy.objects.filter(merchant_id=scope.merchant_id, livemode=scope.livemode)
    found = rows.filter(pk=exception_id).first()
    if found is None:
        raise ResourceMissing(resource="reconciliation exception", id=exception_id[:60], param="id")
    return found
