"""Compare a gateway's day with the books, as often as wanted."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Sum
from django.db.models.functions import Abs, Coalesce

from apps.common.errors import InvalidParameter
from apps.common.ids import first_id
from apps.common.origin import Origin, Scope
from apps.disputes.services.funds import book_late_fee
from apps.ledger import recipes
from apps.ledger.recipes import Fact
from apps.ledger.services import post_entries
from apps.outbox.services import EventDraft, publish
from apps.reconciliation import matching
from apps.reconciliation.models import Discrepancy, ReconciliationRun
from apps.reconciliation.objects import render_run
from apps.reconciliation.policies import REPORTED_KINDS, YEARS, due_window, start_of
from apps.reconciliation.selectors import report_state
from apps.reconciliation.services.bank import check_credits
from apps.reconciliation.services.exceptions import close_settled, open_findings
from apps.reconciliation.services.findings import Finding
from apps.reconciliation.services.settlements import Desk, check_settlements
from apps.reconciliation.states import DiscrepancyStatus

# How many exceptions or late fees are written at once.
BATCH: Final = 500

Params = dict[str, Any]


def reconcile_day(
    *, scope: Scope, gateway: str, day: date, origin: Origin, now: datetime
) -> ReconciliationRun:
    """
    Compare what a gateway reported for a day with the books, and what it paid out with the bank.

    All of it is one transaction, so a run that dies leaves nothing; a second run over the same
    statements opens nothing new. Fees that only the report tells are booked; exceptions whose
    sides agree by now are closed. Facts of the ledger are missed RECONCILIATION_DUE_DAYS later.

    :raises InvalidParameter: there can be no statements of that day
    Source: docs/reconciliation.md, AC-60 to AC-68
    """
    check_day(day)
    zone = settings.RECONCILIATION_TIME_ZONES.get(gateway, "UTC")
    params: Params = {
        "merchant": scope.merchant_id,
        "livemode": scope.livemode,
        "gateway": gateway,
        "day": day,
        "zone": zone,
    }
    with transaction.atomic():
        _take_turns(params)
        _prepare(params)
        expected = _find_unreported(params)
        fees = _book_late_fees(scope, gateway, now=now)
        settlement_findings = check_settlements(
            Desk(scope=scope, gateway=gateway, day=day, now=now)
        )
        _insert_findings(settlement_findings)
        opened = _open_all(scope, gateway, params, origin=origin, now=now)
        closed = _close_all(params, now=now)
        check_credits(scope=scope, day=day, origin=origin, now=now)
        lines, matched = _fetch(matching.COUNT_DAY, params)[0]
        run = ReconciliationRun(
            merchant_id=scope.merchant_id,
            livemode=scope.livemode,
            gateway=gateway,
            day=day,
            lines=lines,
            lines_matched=matched,
            facts_expected=expected,
            exceptions_opened=opened,
            exceptions_closed=closed,
            fees_booked=fees,
            report=report_state(scope, gateway, day),
            actor=origin.actor,
            created_at=now,
        )
        _count_open(run)
        run.save(force_insert=True)
        publish(_completed(run, origin=origin))
        _clean_up()
    return run


def check_day(day: date) -> None:
    """
    Check that there can be statements of a day.

    :raises InvalidParameter: not of its year
    """
    if day.year not in YEARS:
        raise InvalidParameter(f"There are no statements of the year {day.year}.", param="date")


def _take_turns(params: Params) -> None:
    """Let runs of one gateway wait for each other; others go on side by side."""
    key = f"reconcile {params['merchant']} {params['livemode']} {params['gateway']}"
    _execute(matching.TAKE_TURNS, {"key": key})


def _prepare(params: Params) -> None:
    """Fill `found` with everything that the lines disagree about."""
    clearing, fees = _fetch(matching.GATEWAY_ACCOUNTS, params)[0]
    day = _bounds(params["day"], params["day"], params["zone"])
    params = params | day | {"clearing": clearing, "fees": fees}
    for statement in (
        matching.ENLARGE_MEMORY,
        matching.CREATE_UNMATCHED,
        matching.RESOLVE_BY_OUR_REFERENCE,
        matching.RESOLVE_OTHERS,
        matching.GROUP_ALONE,
        matching.CREATE_SUSPECTS,
        matching.GROUP_WITH_HELP,
        matching.ANALYZE_SUSPECTS,
        matching.CREATE_REPORTED,
        matching.CREATE_DIFFERENCES,
        matching.CREATE_FOUND,
        matching.FIND_DIFFERENCES,
        matching.FIND_UNKNOWN_LINES,
        matching.FIND_DUPLICATES,
    ):
        _execute(statement, params)


def _find_unreported(params: Params) -> int:
    """Find facts that are due and not reported; return how many are merely expected."""
    day: date = params["day"]
    due = due_window(day, due_days=settings.RECONCILIATION_DUE_DAYS)
    _execute(matching.FIND_UNREPORTED, params | _bounds(due.first, due.last, params["zone"]))
    _execute(matching.FIND_STILL_UNREPORTED, params)
    young = due.last + timedelta(days=1)
    if young > day:
        return 0
    return _value(matching.COUNT_EXPECTED, params | _bounds(young, day, params["zone"]))


def _bounds(first: date, last: date, zone: str) -> Params:
    return {
        "first_id": first_id("jrn", start_of(first, zone)),
        "end_id": first_id("jrn", start_of(last + timedelta(days=1), zone)),
        "kinds": list(REPORTED_KINDS),
    }


def _book_late_fees(scope: Scope, gateway: str, *, now: datetime) -> int:
    """Book the fees which only the report tells, each beside the fact that it was kept of."""
    told = _fetch(matching.LATE_FEES, {})
    rows = []
    for row in told:
        if row[0].startswith("dpf_"):
            book_late_fee(funds_id=row[0], fee=int(row[1]), now=now)
        else:
            rows.append(row)
    for start in range(0, len(rows), BATCH):
        post_entries(
            [
                recipes.fee_charged(
                    Fact(
                        scope=scope,
                        id=subject_id,
                        amount=int(fee),
                        currency=currency,
                        gateway=gateway,
                        at=now,
                    ),
                    source_type="refund" if subject_id.startswith("re_") else "payment_attempt",
                )
                for subject_id, fee, currency in rows[start : start + BATCH]
            ]
        )
    return len(told)


def _insert_findings(findings: Sequence[Finding]) -> None:
    rows = [asdict(finding) | {"day": finding.day.isoformat()} for finding in findings]
    _execute(
        "INSERT INTO found SELECT * FROM jsonb_to_recordset(%s::jsonb) AS finding"
        " (kind text, subject text, subject_id text, entry_id text, reference text, day date,"
        " currency text, ledger_amount bigint, statement_amount bigint)",
        [json.dumps(rows)],
    )


def _open_all(scope: Scope, gateway: str, params: Params, *, origin: Origin, now: datetime) -> int:
    def open_batch(rows: list[Any]) -> None:
        findings = [Finding(*row) for row in rows]
        open_findings(scope=scope, gateway=gateway, findings=findings, origin=origin, now=now)

    return _in_batches(matching.SELECT_TO_OPEN, params, open_batch)


def _close_all(params: Params, *, now: datetime) -> int:
    def close_batch(rows: list[Any]) -> None:
        close_settled([row[0] for row in rows], now=now)

    return _in_batches(matching.SELECT_TO_CLOSE, params, close_batch)


def _in_batches(sql: str, params: Params, work: Callable[[list[Any]], None]) -> int:
    """Work on the rows until there are none; each batch takes its rows out of the selection."""
    done = 0
    while rows := _fetch(sql, params | {"limit": BATCH}):
        work(rows)
        done += len(rows)
    return done


def _count_open(run: ReconciliationRun) -> None:
    """Count what stands open after the run."""
    rows = Discrepancy.objects.filter(
        merchant_id=run.merchant_id,
        livemode=run.livemode,
        gateway=run.gateway,
        status=DiscrepancyStatus.OPEN,
    )
    difference = Abs(Coalesce(F("statement_amount"), 0) - Coalesce(F("ledger_amount"), 0))
    sums = rows.values("currency").annotate(total=Sum(difference)).order_by("currency")
    run.difference = {row["currency"]: int(row["total"]) for row in sums}
    run.exceptions_open = rows.count()


def _completed(run: ReconciliationRun, *, origin: Origin) -> EventDraft:
    return EventDraft.about(
        run,
        "reconciliation.run_completed",
        render_run(run),
        sequence=1,
        origin=origin,
        now=run.created_at,
    )


def _clean_up() -> None:
    """Drop the temporary tables, so that one transaction can hold several runs."""
    _execute("DROP TABLE found, difference, suspect, reported, unmatched_line", [])


def _execute(sql: str, params: Params | list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def _fetch(sql: str, params: Params) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def _value(sql: str, params: Params) -> int:
    return int(_fetch(sql, params)[0][0])
