"""Fetch a gateway's report of a day through its API, and take it in."""

from datetime import date, datetime
from tempfile import TemporaryFile
from typing import Final

from apps.common.origin import Origin, Scope
from apps.common.transactions import assert_no_transaction
from apps.gateways.errors import GatewayError
from apps.gateways.registry import get_gateway
from apps.reconciliation.errors import ReportNotFetched
from apps.reconciliation.models import ReconciliationRun, ReportFetch
from apps.reconciliation.services.files import import_statement
from apps.reconciliation.services.runs import check_day, reconcile_day
from apps.reconciliation.states import StatementFormat

_MAX_REASON_CHARACTERS: Final = 200


def fetch_report(
    *, scope: Scope, gateway: str, day: date, origin: Origin, now: datetime
) -> ReportFetch:
    """
    Fetch the report of a day in UTC, once; while there is none yet, say so and be asked again.

    The report goes through a file on disk, so its size does not matter. No transaction may be open,
    since this calls the gateway.

    :raises InvalidParameter: there can be no report of that day
    :raises ReportNotFetched: the gateway could not be asked, or broke off
    :raises StatementUnreadable: what came is no report
    Source: docs/reconciliation.md
    """
    assert_no_transaction()
    check_day(day)
    fetch, _ = ReportFetch.objects.get_or_create(
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        gateway=gateway,
        day=day,
        defaults={"asked_at": now},
    )
    if fetch.file_id:
        return fetch
    adapter = get_gateway(gateway)
    with TemporaryFile() as stream:
        try:
            is_there = adapter.settlement_report(day, write=stream.write)
        except GatewayError as trouble:
            reason = str(trouble)[:_MAX_REASON_CHARACTERS]
            raise ReportNotFetched(gateway=gateway, day=f"{day}", reason=reason) from trouble
        if is_there:
            # The same report fetched by two at once is taken in once, by its bytes.
            fetch.file = import_statement(
                scope=scope,
                source=gateway,
                format=StatementFormat(adapter.kind),
                stream=stream,
                name=f"{gateway}-{day}.csv",
                origin=origin,
                now=now,
            )
    fetch.asked_at = now
    fetch.save(update_fields=["file", "asked_at"])
    return fetch


def compare_day(
    *,
    scope: Scope,
    gateway: str,
    day: date,
    is_to_fetch: bool,
    origin: Origin,
    now: datetime,
) -> ReconciliationRun:
    """
    Compare a day as a person asked for, with the gateway's report of it fetched first if wished.

    :raises ReportNotFetched: see `fetch_report`
    """
    if is_to_fetch:
        fetch_report(scope=scope, gateway=gateway, day=day, origin=origin, now=now)
    return reconcile_day(scope=scope, gateway=gateway, day=day, origin=origin, now=now)
