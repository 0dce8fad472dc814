"""
What it costs to compare a gateway's report with the books, beside a plain Python loop.

    python -m benchmarks.reconciliation                    100,000 lines
    python -m benchmarks.reconciliation --lines 1000000    a million lines, about three minutes

The books are filled by SQL; then the report is taken in and compared by the product in a process
of its own, and by two loops in others, all from the same file. One line in a thousand is wrong, and
all must find exactly those. The plain loop compares in a dictionary and leaves nothing behind. The
loop that keeps does what the product does: each line is stored with the entry it was matched with,
in batches by the ORM. It shares the product's tables and indexes.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import django
import psycopg
from psycopg import sql

from benchmarks.measure import cpu_seconds

DATABASE = "bench_reconciliation"
MERCHANT, GATEWAY = "mer_bench", "stripe_main"
DAY = date(2026, 11, 18)
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
GROSS, FEE = 10_000, 320
WRONG_EVERY = 1000
KEPT_AT_ONCE = 2000

SECONDS_PER_MILLION = 20.0
CLIENT_MEGABYTES = 200.0
GROWTH = 1.3
FASTER_THAN_LOOP = 2.0

COLUMNS = (
    "balance_transaction_id", "created_utc", "currency", "gross", "fee", "net",
    "reporting_category", "source_id", "description", "payment_intent_id",
    "payment_metadata[attempt]", "automatic_payout_id",
)  # fmt: skip


def main() -> None:
    """Measure, or be one of the measured processes."""
    options = _options()
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    if options.client:
        os.environ["DATABASE_URL"] = f"postgres:///{DATABASE}"
        django.setup()
        with _watched_server() as server_seconds:
            start = time.process_time()
            said = _CLIENTS[options.client](Path(options.file))
            said["client_cpu"] = time.process_time() - start
            said["server_cpu"] = server_seconds()
        said["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        say(json.dumps(said))
        return
    small = _measure(options, options.lines // 10)
    large = _measure(options, options.lines)
    growth = (large["ours"] / options.lines) / (small["ours"] / (options.lines // 10))
    say("")
    _say_ratio(
        "seconds per million lines",
        large["ours"] / options.lines * 1e6,
        "at most",
        SECONDS_PER_MILLION,
    )
    say(f"CPU seconds per million lines: {large['cpu'] / options.lines * 1e6:.2f}")
    _say_ratio("client memory in MB", large["megabytes"], "at most", CLIENT_MEGABYTES)
    _say_ratio("cost of a line at ten times the lines", growth, "at most", GROWTH)
    faster = large["keeping"] / large["ours"]
    _say_ratio("faster than the loop that keeps", faster, "at least", FASTER_THAN_LOOP)
    say(f"time of the loop that keeps nothing, in ours: {large['loop'] / large['ours']:.2f}")


def say(line: str) -> None:
    """Write one line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _say_ratio(name: str, value: float, word: str, bound: float) -> None:
    say(f"{name}: {value:.2f} ({word} {bound:.2f})")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--server", default=os.environ.get("BENCH_SERVER_URL", "postgres:///"))
    parser.add_argument("--client", choices=list(_CLIENTS), help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(options: argparse.Namespace, lines: int) -> dict[str, float]:
    """Fill the books, write the report, and let both read it."""
    with _database(options.server) as url, tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.csv"
        _fill_books(url, lines)
        _write_report(report, lines)
        # The loop that keeps goes first, on the empty table; its lines are not ours to find.
        keeping = _run("keeping", report)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("TRUNCATE reconciliation_statementline")
        ours, loop = _run("ours", report), _run("loop", report)
    wrong = len(range(0, lines, WRONG_EVERY))
    found = [ours["wrong"], loop["wrong"], keeping["wrong"]]
    if found != [wrong] * 3:
        raise SystemExit(f"{wrong} lines are wrong; found: {found}")
    say(
        f"{lines:9,} lines: ours {ours['seconds']:6.2f} s (taking in {ours['import']:.2f} s),"
        f" {ours['megabytes']:5.0f} MB; loop {loop['seconds']:6.2f} s, {loop['megabytes']:5.0f} MB;"
        f" loop that keeps {keeping['seconds']:6.2f} s, {keeping['megabytes']:5.0f} MB"
    )
    sides = (("ours", ours), ("loop", loop), ("loop that keeps", keeping))
    cpu = [f"{name} {each['client_cpu']:.2f} + {each['server_cpu']:.2f}" for name, each in sides]
    say(f"{'':9}  CPU seconds of client + server: {'; '.join(cpu)}")
    return {
        "ours": ours["seconds"],
        "cpu": ours["client_cpu"] + ours["server_cpu"],
        "loop": loop["seconds"],
        "keeping": keeping["seconds"],
        "megabytes": ours["megabytes"],
    }


@contextmanager
def _watched_server() -> Iterator[Callable[[], float]]:
    """Count the CPU of this client's server process; helpers it starts for a query not included."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    before = cpu_seconds([pid])
    yield lambda: cpu_seconds([pid]) - before


def _run(client: str, report: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.reconciliation", "--client", client]
    done = subprocess.run(
        [*command, "--file", str(report)], check=True, capture_output=True, text=True
    )
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@contextmanager
def _database(server: str) -> Iterator[str]:
    """Create the database with the product's tables, and drop it at the end."""
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE))
    with psycopg.connect(server, dbname="postgres", autocommit=True) as admin:
        admin.execute(drop)
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        at = admin.info
        os.environ |= {"PGHOST": at.host, "PGPORT": str(at.port), "PGUSER": at.user}
        os.environ |= {"PGPASSWORD": at.password} if at.password else {}
        os.environ["DATABASE_URL"] = f"postgres:///{DATABASE}"
        try:
            migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            subprocess.run(migrate, check=True)
            yield f"host={at.host} port={at.port} user={at.user} dbname={DATABASE}"
        finally:
            admin.execute(drop)


def _fill_books(url: str, count: int) -> None:
    """
    Write payments and their entries by SQL.

    The guards of the books are lifted for that: booking a million entries is another benchmark.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        for table in ("payments_paymentintent", "payments_paymentattempt"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        _book_first()
        for table in ("ledger_journalentry", "ledger_posting", "ledger_entrykey"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for table, replaced in _COPIES.items():
            _multiply(connection, table, replaced, count)
        connection.execute("VACUUM ANALYZE")


# Which columns of a first row are replaced in its copies; n is the number of the copy.
_NUMBER = "lpad(n::text, 16, '0')"
_COPIES = {
    "payments_paymentintent": {"id": f"'pi_0000000000' || {_NUMBER}"},
    "payments_paymentattempt": {
        "id": f"'att_0000000000' || {_NUMBER}",
        "intent_id": f"'pi_0000000000' || {_NUMBER}",
        "gateway_reference": f"'pi_bench_' || {_NUMBER}",
        "charge_reference": f"'ch_bench_' || {_NUMBER}",
    },
    "ledger_journalentry": {
        "id": f"left(id, 14) || {_NUMBER}",
        "source_id": f"'att_0000000000' || {_NUMBER}",
    },
    "ledger_entrykey": {
        "entry_id": f"left(entry_id, 14) || {_NUMBER}",
        "source_id": f"'att_0000000000' || {_NUMBER}",
    },
    "ledger_posting": {"entry_id": f"left(entry_id, 14) || {_NUMBER}"},
}


def _multiply(connection: Any, table: str, replaced: dict[str, str], count: int) -> None:
    columns = [
        row[0]
        for row in connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
            " AND NOT attisdropped ORDER BY attnum",
            [table],
        )
    ]
    values = ", ".join(replaced.get(name, name) for name in columns)
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)})"
        f" SELECT {values} FROM {table}, generate_series(0, {count - 1}) AS n"
    )


def _book_first() -> None:
    """Book one payment through the ledger, outside of the compared day's report."""
    script = "import django; django.setup(); from benchmarks.reconciliation import book; book()"
    subprocess.run([sys.executable, "-c", script], check=True)


def book() -> None:
    """Make the rows that are multiplied."""
    from apps.common.origin import Scope
    from apps.ledger.recipes import Fact, captured
    from apps.ledger.services import post_entry
    from apps.payments.models import PaymentAttempt, PaymentIntent

    shared: dict[str, Any] = {
        "merchant_id": MERCHANT, "livemode": False, "amount": GROSS, "currency": "EUR",
        "created_at": NOON,
    }  # fmt: skip
    intent = PaymentIntent.objects.create(
        **shared, status="succeeded", amount_received=GROSS, expires_at=NOON
    )
    attempt = PaymentAttempt.objects.create(
        **shared, intent=intent, status="captured", number=1, gateway=GATEWAY, fee=FEE,
        amount_captured=GROSS, gateway_reference="pi_first",
    )  # fmt: skip
    scope = Scope(MERCHANT, livemode=False)
    fact = Fact(scope=scope, id=attempt.id, amount=GROSS, currency="EUR", gateway=GATEWAY, at=NOON)
    post_entry(captured(fact, fee=FEE))


def _write_report(path: Path, count: int) -> None:
    """Write a report of `count` payments, one in a thousand with a cent too much."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerow(_row("first", "txn_first", is_wrong=False))
        for n in range(count):
            name = f"{n:016}"
            writer.writerow(_row(f"bench_{name}", f"txn_{name}", is_wrong=n % WRONG_EVERY == 0))


def _row(name: str, reference: str, *, is_wrong: bool) -> list[str]:
    gross, net = ("100.01", "96.81") if is_wrong else ("100.00", "96.80")
    return [
        reference, "2026-11-18 12:00:01", "eur", gross, "3.20", net, "charge", f"ch_{name}",
        "Order 4711, thank you", f"pi_{name}", "", "po_bench",
    ]  # fmt: skip


def _reconcile(path: Path) -> dict[str, Any]:
    from apps.common.origin import CLOCK, Scope
    from apps.reconciliation.models import Discrepancy
    from apps.reconciliation.services import import_statement, reconcile_day
    from apps.reconciliation.states import StatementFormat

    scope = Scope(MERCHANT, livemode=False)
    start = time.perf_counter()
    with path.open("rb") as stream:
        import_statement(
            scope=scope, source=GATEWAY, format=StatementFormat.STRIPE, stream=stream,
            name=path.name, origin=CLOCK, now=NOON,
        )  # fmt: skip
    taken_in = time.perf_counter() - start
    reconcile_day(scope=scope, gateway=GATEWAY, day=DAY, origin=CLOCK, now=NOON)
    seconds = time.perf_counter() - start
    wrong = Discrepancy.objects.filter(kind="amount_over").count()
    return {"seconds": seconds, "import": taken_in, "wrong": wrong}


def _loop(path: Path, keep: Callable[[dict[str, str], str], None] | None = None) -> dict[str, Any]:
    """Compare as one would write it first: read the books into a dictionary, then each row."""
    from django.db import connection

    start = time.perf_counter()
    booked: dict[str, tuple[str, int, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_BOOKED)
        for reference, entry, net, fee in cursor.fetchall():
            booked[reference] = (entry, int(net), int(fee))
    wrong = 0
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            datetime.fromisoformat(row["created_utc"])
            gross, fee = Decimal(row["gross"]) * 100, Decimal(row["fee"]) * 100
            net = Decimal(row["net"]) * 100
            entry, *standing = booked.pop(row["payment_intent_id"], ("", 0, 0))
            if standing != [int(net), int(fee)] or gross - fee != net:
                wrong += 1
            if keep:
                keep(row, entry)
    return {"seconds": time.perf_counter() - start, "wrong": wrong + len(booked)}


def _keeping_loop(path: Path) -> dict[str, Any]:
    """Compare in the same loop, and store each line with its entry, a batch at a time."""
    from django.db import transaction

    from apps.reconciliation.models import StatementLine

    start = time.perf_counter()
    batch: list[StatementLine] = []

    def keep(row: dict[str, str], entry: str) -> None:
        batch.append(StatementLine(**_fields(row), number=0, entry_id=entry))
        if len(batch) == KEPT_AT_ONCE:
            StatementLine.objects.bulk_create(batch)
            batch.clear()

    with transaction.atomic():
        said = _loop(path, keep)
        StatementLine.objects.bulk_create(batch)
    return said | {"seconds": time.perf_counter() - start}


def _fields(row: dict[str, str]) -> dict[str, Any]:
    at = datetime.fromisoformat(row["created_utc"]).replace(tzinfo=UTC)
    return {
        "merchant_id": MERCHANT, "livemode": False, "gateway": GATEWAY, "file_id": "sf_loop",
        "reference": row["balance_transaction_id"], "kind": row["reporting_category"],
        "object_reference": row["source_id"], "payment_reference": row["payment_intent_id"],
        "our_reference": row["payment_metadata[attempt]"], "subject_id": "", "rule": "loop",
        "payout_reference": row["automatic_payout_id"], "currency": row["currency"].upper(),
        "gross": int(Decimal(row["gross"]) * 100), "fee": int(Decimal(row["fee"]) * 100),
        "net": int(Decimal(row["net"]) * 100), "occurred_at": at, "day": at.date(),
        "is_duplicate": False,
    }  # fmt: skip


_BOOKED = """
SELECT attempt.gateway_reference, key.entry_id,
       sum(posting.amount) FILTER (WHERE account.code = 'gateway_clearing'),
       sum(posting.amount) FILTER (WHERE account.code = 'gateway_fees')
  FROM payments_paymentattempt attempt
  JOIN ledger_entrykey key ON key.source_id = attempt.id AND key.kind = 'captured'
  JOIN ledger_posting posting ON posting.entry_id = key.entry_id
  JOIN ledger_account account ON account.id = posting.account_id
 GROUP BY attempt.id, key.entry_id
"""

_CLIENTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "ours": _reconcile,
    "loop": _loop,
    "keeping": _keeping_loop,
}


if __name__ == "__main__":
    main()
