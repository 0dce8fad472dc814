"""Read what is reconciled and what is not."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.db.models import Min, Q

from apps.common.origin import Scope
from apps.common.rows import get_row
from apps.gateways.registry import gateway_names
from apps.ledger.chart import GATEWAY_CLEARING
from apps.ledger.models import Account
from apps.reconciliation import matching
from apps.reconciliation.models import (
    Discrepancy,
    ReconciliationRun,
    ReportFetch,
    Settlement,
    StatementFile,
    StatementLine,
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


def list_accounts() -> list[tuple[Scope, str]]:
    """Return each merchant, mode and gateway account with money on it, as the ledger knows."""
    rows = Account.objects.filter(code=GATEWAY_CLEARING, owner__in=gateway_names())
    found = rows.values_list("merchant_id", "livemode", "owner").order_by("merchant_id").distinct()
    return [(Scope(merchant, live), gateway) for merchant, live, gateway in found]


def first_money_at() -> dict[str, datetime]:
    """Return for each gateway account since when there is money on it."""
    rows = Account.objects.filter(code=GATEWAY_CLEARING, owner__in=gateway_names())
    return dict(rows.values_list("owner").annotate(Min("created_at")).order_by())


def is_to_be_fetched(scope: Scope, gateway: str, day: date, *, asked_before: datetime) -> bool:
    """Return whether a day's report is missing, and nobody asked for it since `asked_before`."""
    fetches = ReportFetch.objects.filter(
        merchant_id=scope.merchant_id, livemode=scope.livemode, gateway=gateway, day=day
    )
    return not fetches.filter(Q(file__isnull=False) | Q(asked_at__gt=asked_before)).exists()


def report_state(scope: Scope, gateway: str, day: date) -> str:
    """Return whether the day's report was fetched, "" when nobody asked the gateway for it."""
    fetch = ReportFetch.objects.filter(
        merchant_id=scope.merchant_id, livemode=scope.livemode, gateway=gateway, day=day
    ).first()
    return fetch.state.value if fetch else ""


def find_unreconciled(scope: Scope, first: date, last: date) -> list[tuple[str, date]]:
    """
    Return what nobody compared: each gateway with a day of which it has lines, in order.

    A gateway with statements also has to be compared at the end, though nothing moved there.
    """
    mine = {"merchant_id": scope.merchant_id, "livemode": scope.livemode}
    lines = StatementLine.objects.filter(**mine, day__range=(first, last))
    wanted = set(lines.values_list("gateway", "day").distinct())
    runs = ReconciliationRun.objects.filter(**mine, day__gte=first).values_list("gateway", "day")
    done = set(runs)
    ended = {gateway for gateway, day in done if day >= last}
    behind = {(name, last) for owner, name in list_scopes() if owner == scope} - {
        (name, last) for name in ended
    }
    return sorted((wanted - done) | behind)


@dataclass(frozen=True, slots=True)
class PayoutPart:
    """
    What is in a payout of one kind of line: the gateway's sums beside the ledger's, in minor units.

    `booked` is what the entries of these lines moved on the gateway's account.
    """

    kind: str
    lines: int
    gross: int
    fee: int
    net: int
    booked: int

    @property
    def difference(self) -> int:
        """Return by how much the gateway exceeds the ledger."""
        return self.net - self.booked


def list_payout_parts(settlement: Settlement) -> list[PayoutPart]:
    """Return what is in a payout, by kind of line (AC-69)."""
    with connection.cursor() as cursor:
        cursor.execute(
            matching.SPLIT_PAYOUT,
            {
                "merchant": settlement.merchant_id,
                "livemode": settlement.livemode,
                "gateway": settlement.gateway,
                "reference": settlement.reference,
            },
        )
        return [PayoutPart(kind, *map(int, sums)) for kind, *sums in cursor.fetchall()]


def sum_booked(scope: Scope, payout_ids: list[str]) -> dict[str, int]:
    """
    Return what the entries of each payout's lines moved on the gateway's account, in minor units.

    The sum of `booked` of its parts, for many payouts in one statement; one without lines has none.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            matching.SUM_BOOKED,
            {"merchant": scope.merchant_id, "livemode": scope.livemode, "ids": payout_ids},
        )
        return {payout_id: int(booked) for payout_id, booked in cursor.fetchall()}


def get_file(scope: Scope, file_id: str) -> StatementFile:
    """
    Return a statement.

    :raises ResourceMissing: not of this account and mode
    """
    return get_row(
        StatementFile.objects, scope, file_id, resource="reconciliation file", param="id"
    )


def get_run(scope: Scope, run_id: str) -> ReconciliationRun:
    """
    Return a run.

    :raises ResourceMissing: not of this account and mode
    """
    return get_row(
        ReconciliationRun.objects, scope, run_id, resource="reconciliation run", param="id"
    )


def get_exception(scope: Scope, exception_id: str) -> Discrepancy:
    """
    Return an exception.

    :raises ResourceMissing: not of this account and mode
    """
    return get_row(
        Discrepancy.objects,
        scope,
        exception_id,
        resource="reconciliation exception",
        param="id",
    )
