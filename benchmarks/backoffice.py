"""
How long people wait in the back-office with millions of payments, and what a large export takes.

    bin/with-servers .venv/bin/python -m benchmarks.backoffice [--payments 3000000] [--rounds 5]

Fills an empty database of its own: a small history by the rules of the house, copied by SQL into
millions of rows. Then every list, tab and filter, deep pages, exact searches, look-ups of the
palette and the first page are opened in this process, by somebody with every right; the time is
the server's, one request at a time, and on a shared machine its CPU says more. The export runs in
a process of its own, whose memory is measured.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import django

from benchmarks.measure import cpu_seconds, percentile

TEMPLATES = 2_000
DAYS = 365
# Every third payment is "live": what the export takes out.
EXPORTED_ONE_IN = 3
CUSTOMERS_ONE_IN = 15
REFUNDS_ONE_IN = 20
LIST_MILLISECONDS, LIST_STATEMENTS = 300.0, 12
INDEX_MILLISECONDS = 400.0
EXPORT_MEGABYTES = 300.0

# A row of the copies: number, hour, the beginning of its ids, the template that it follows.
_PLAN = """
CREATE UNLOGGED TABLE bench_plan AS
SELECT number, hours.at, hours.prefix || lpad(to_hex(number), 16, '0') AS tail
  FROM generate_series(0, %(rows)s - 1) AS number
  JOIN bench_hours hours ON hours.hour = number / %(per_hour)s
"""

_COPY = """
INSERT INTO {table} ({columns})
SELECT {values} FROM bench_plan plan
  JOIN (SELECT row_number() OVER (ORDER BY id) - 1 AS template, * FROM {table}) old
    ON old.template = plan.number % {templates}
 WHERE {condition}
"""

_BOOKS = """
INSERT INTO reporting_hourofbooks
       (merchant_id, livemode, hour, kind, account, gateway, currency, entries, amount)
SELECT merchant_id, livemode, date_trunc('hour', created_at, 'UTC'), 'captured',
       'gateway_clearing', gateway, currency, count(*), sum(amount)
  FROM payments_paymentattempt WHERE status = 'captured' GROUP BY 1, 2, 3, 6, 7
ON CONFLICT DO NOTHING
"""
_ATTEMPTS = """
INSERT INTO reporting_hourofattempts
       (merchant_id, livemode, hour, gateway, currency, status, error_class, attempts, amount)
SELECT merchant_id, livemode, date_trunc('hour', created_at, 'UTC'), gateway, currency, status,
       error_class, count(*), sum(amount)
  FROM payments_paymentattempt GROUP BY 1, 2, 3, 4, 5, 6, 7
ON CONFLICT DO NOTHING
"""


@dataclass
class Looks:
    """What opening one page several times took; CPU is that of Django and of PostgreSQL."""

    statements: int
    milliseconds: list[float] = field(default_factory=list)
    cpu_milliseconds: float = 0.0
    database_milliseconds: float = 0.0


class DatabaseClock:
    """How long this process waited for the database's answers."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        """Run one statement, and add what it took."""
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.seconds += time.perf_counter() - started


def main() -> None:
    """Build, measure, and say whether the targets are met."""
    options = _options()
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    django.setup()
    if options.export:
        _export(options.export)
        return
    if options.payments:
        _build(options.payments)
    measured = _measure(options.rounds)
    worst = _report(measured)
    if not options.pages_only:
        worst |= _report_export(options.python)
    sys.exit(1 if worst else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=3_000_000, help="0: they are there")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pages-only", action="store_true", help="make no export")
    parser.add_argument("--export", default="", help=argparse.SUPPRESS)
    parser.set_defaults(python=sys.executable)
    return parser.parse_args()


# --- building -----------------------------------------------------------------------------------


def _build(payments: int) -> None:
    from django.core.management import call_command
    from django.db import connection

    started = time.monotonic()
    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "credentials.json"
        call_command("seed_demo", credentials=path, payments=TEMPLATES, days=30, verbosity=0)
    with connection.cursor() as cursor:
        _plan(cursor, payments)
        for table, overrides, condition in _copies():
            _copy(cursor, table, overrides, condition)
        cursor.execute(_BOOKS)
        cursor.execute(_ATTEMPTS)
        cursor.execute("DROP TABLE bench_plan, bench_hours")
        cursor.execute("VACUUM ANALYZE")
    print(f"built {payments:,} payments in {time.monotonic() - started:.0f} s", flush=True)


def _plan(cursor: Any, payments: int) -> None:
    from django.utils import timezone

    from apps.common.ids import first_id

    hours = DAYS * 24
    first = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
    moments = [first + timedelta(hours=number) for number in range(hours)]
    cursor.execute("CREATE UNLOGGED TABLE bench_hours (hour int, at timestamptz, prefix text)")
    cursor.executemany(
        "INSERT INTO bench_hours VALUES (%s, %s, %s)",
        [(n, at, first_id("x", at)[2:12]) for n, at in enumerate(moments)],
    )
    cursor.execute(
        _PLAN,
        {"rows": payments, "per_hour": -(-payments // hours)},
    )


def _copies() -> list[tuple[str, dict[str, str], str]]:
    """Return each table with the columns in which a copy differs from its template."""
    at, is_live = "plan.at", f"plan.number % {EXPORTED_ONE_IN} = 0"
    return [
        (
            "customers_customer",
            {
                "id": "'cus_' || plan.tail",
                "email": "'payer' || plan.number || '@bench.example'",
                "livemode": is_live,
                "created_at": at,
            },
            f"plan.number % {CUSTOMERS_ONE_IN} = 0",
        ),
        (
            "payments_paymentintent",
            {
                "id": "'pi_' || plan.tail",
                "livemode": is_live,
                "latest_attempt_id": "'att_' || plan.tail",
                "latest_charge_id": "'ch_' || plan.tail",
                "created_at": at,
            },
            "true",
        ),
        (
            "payments_paymentattempt",
            {
                "id": "'att_' || plan.tail",
                "intent_id": "'pi_' || plan.tail",
                "livemode": is_live,
                "gateway_reference": "'bench_' || plan.number",
                "created_at": at,
            },
            "true",
        ),
        (
            "payments_refund",
            {
                "id": "'re_' || plan.tail",
                "intent_id": "'pi_' || plan.tail",
                "attempt_id": "'att_' || plan.tail",
                "gateway_reference": "'bench_re_' || plan.number",
                "livemode": is_live,
                "created_at": at,
            },
            f"plan.number % {REFUNDS_ONE_IN} = 0",
        ),
    ]


def _copy(cursor: Any, table: str, overrides: dict[str, str], condition: str) -> None:
    started = time.monotonic()
    cursor.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND table_name = %s ORDER BY ordinal_position",
        [table],
    )
    columns = [row[0] for row in cursor.fetchall()]
    cursor.execute(f"SELECT count(*) FROM {table}")
    templates = cursor.fetchone()[0]
    values = [overrides.get(name, f'old."{name}"') for name in columns]
    # The copies have no events, which the table's guards would miss.
    cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    cursor.execute(
        _COPY.format(
            table=table,
            columns=", ".join(f'"{name}"' for name in columns),
            values=", ".join(values),
            condition=condition,
            templates=templates,
        )
    )
    print(f"  {table}: {cursor.rowcount:,} rows, {time.monotonic() - started:.0f} s", flush=True)
    cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


# --- looking ------------------------------------------------------------------------------------


def _measure(rounds: int) -> dict[str, Looks]:
    """Open every page `rounds` times, after once to warm up."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = _client()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    measured: dict[str, Looks] = {}
    for name, url in _pages():
        with CaptureQueriesContext(connection) as statements:
            client.get(url)
        looks = Looks(statements=len(statements))
        cpu = time.process_time() + cpu_seconds([backend])
        clock = DatabaseClock()
        with connection.execute_wrapper(clock):
            for _ in range(rounds):
                started = time.perf_counter()
                response = client.get(url)
                looks.milliseconds.append((time.perf_counter() - started) * 1000)
                assert response.status_code == 200, (url, response.status_code)
        cpu = time.process_time() + cpu_seconds([backend]) - cpu
        looks.cpu_milliseconds = cpu * 1000 / rounds
        looks.database_milliseconds = clock.seconds * 1000 / rounds
        measured[name] = looks
    return measured


def _client() -> Any:
    from django.test import Client
    from django.utils import timezone
    from django_otp import DEVICE_ID_SESSION_KEY
    from django_otp.plugins.otp_totp.models import TOTPDevice

    from apps.backoffice.middleware import SESSION_KEY
    from apps.backoffice.models import User
    from apps.backoffice.services.sessions import open_session

    user = User.objects.get(email="superuser@demo.example")
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = TOTPDevice.objects.get(user=user).persistent_id
    opened = open_session(user=user, ip="127.0.0.1", browser="Bench", now=timezone.now())
    session[SESSION_KEY] = opened.id
    session.save()
    return client


def _pages() -> Iterator[tuple[str, str]]:
    from django.contrib import admin
    from django.urls import reverse

    yield "first page", reverse("admin:index")
    for screen in admin.site._registry.values():  # noqa: SLF001 - there is no other list
        listed: Any = screen
        url = reverse(f"admin:{listed.opts.app_label}_{listed.opts.model_name}_changelist")
        yield f"list {listed.opts.model_name}", url
        for query in sorted({query for _, query in listed.tabs} | set(_choices(listed))):
            yield f"list {listed.opts.model_name}: {query or 'all'}", f"{url}?{query}"
    yield from _payments()


def _choices(screen: Any) -> Iterator[str]:
    """Yield the query of every choice of every filter of a list."""
    from django.http import HttpRequest

    from apps.backoffice.models import User

    request = HttpRequest()
    request.method, request.user = "GET", User.objects.get(email="superuser@demo.example")
    shown = screen.get_changelist_instance(request)
    for filtered in shown.filter_specs:
        for choice in filtered.choices(shown):
            yield choice["query_string"].removeprefix("?")


def _payments() -> Iterator[tuple[str, str]]:
    """Yield what people look for among millions."""
    from django.urls import reverse

    from apps.common.money import to_major
    from apps.customers.models import Customer
    from apps.payments.models import PaymentAttempt, PaymentIntent

    url = reverse("admin:payments_paymentintent_changelist")
    ids = PaymentIntent.objects.order_by("id").values_list("id", flat=True)
    oldest = ids[10]
    attempt = PaymentAttempt.objects.get(pk=oldest.replace("pi_", "att_"))
    customer = Customer.objects.filter(email__startswith="payer").order_by("id")[10]
    yield "page: among the oldest", f"{url}?before={oldest}"
    yield "filter: 30 days, failed", f"{url}?created=30&status__exact=failed"
    for name, query in {
        "currency": "amount_currency=EUR",
        "an amount": "amount_from=10.5&amount_to=10.5",
        "an amount nobody pays": "amount_from=900000",
        "insufficient funds": "declined=insufficient_funds",
        "a decline nobody had": "declined=recipient_deceased",
        "a month ago": "created_since=2026-01-01&created_until=2026-01-07",
    }.items():
        yield f"filter: {name}", f"{url}?{query}"
    for name, term in {
        "payment": oldest,
        "attempt": attempt.id,
        "gateway reference": attempt.gateway_reference,
        "customer": customer.id,
        "e-mail": customer.email,
        "nothing": "pi_nothing",
    }.items():
        yield f"search: {name}", f"{url}?q={term}"
    palette = reverse("admin:search")
    last4, amount = attempt.method_details["last4"], to_major(attempt.amount, attempt.currency)
    for name, term in {
        "payment": oldest,
        "attempt": attempt.id,
        "gateway reference": attempt.gateway_reference,
        "customer": customer.id,
        "e-mail": customer.email,
        "card and amount": f"{amount} {last4}",
        "order": "A-1001",
        "nothing": "pi_nothing",
    }.items():
        yield f"palette: {name}", f"{palette}?{urlencode({'s': term, 'extended': 1})}"


def _report(measured: dict[str, Looks]) -> bool:
    """Print the slowest pages and the percentiles; return whether a target is missed."""
    slowest = sorted(measured.items(), key=lambda row: -row[1].cpu_milliseconds)
    for name, looks in slowest[:12]:
        middle = statistics.median(looks.milliseconds)
        print(
            f"{name:<44} CPU {looks.cpu_milliseconds:5.0f} ms  median {middle:5.0f} ms"
            f"  max {max(looks.milliseconds):5.0f} ms"
            f"  {looks.statements:3d} SQL in {looks.database_milliseconds:5.0f} ms"
        )
    index = measured.pop("first page")
    times = sorted(taken for looks in measured.values() for taken in looks.milliseconds)
    busy = sorted(looks.cpu_milliseconds for looks in measured.values())
    database = sorted(looks.database_milliseconds for looks in measured.values())
    p95, most = percentile(times, 0.95), max(looks.statements for looks in measured.values())
    for name, looks in measured.items():
        if looks.statements > LIST_STATEMENTS:
            print(f"{name}: {looks.statements} statements")
    print(
        f"{len(measured)} lists, searches and look-ups: p95 {p95:.0f} ms"
        f" (<= {LIST_MILLISECONDS:.0f}), p95 of their CPU {percentile(busy, 0.95):.0f} ms"
        f" and of the database {percentile(database, 0.95):.0f} ms,"
        f" most statements {most} (<= {LIST_STATEMENTS})"
    )
    print(
        f"first page: max {max(index.milliseconds):.0f} ms (<= {INDEX_MILLISECONDS:.0f}),"
        f" CPU {index.cpu_milliseconds:.0f} ms; load of the machine {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    is_slow = p95 > LIST_MILLISECONDS or max(index.milliseconds) > INDEX_MILLISECONDS
    return is_slow or most > LIST_STATEMENTS


# --- exporting ----------------------------------------------------------------------------------


def _report_export(python: str) -> bool:
    """Let a process of its own make the file; return whether it took too much memory."""
    missed = False
    for file_format in ("csv", "xlsx"):
        done = subprocess.run(
            [python, "-m", "benchmarks.backoffice", "--export", file_format],
            capture_output=True,
            text=True,
            check=True,
        )
        print(done.stdout.strip(), flush=True)
        megabytes = float(done.stdout.split("MB peak")[0].split()[-1])
        missed |= megabytes > EXPORT_MEGABYTES
    return missed


def _export(file_format: str) -> None:
    from django.conf import settings
    from django.utils import timezone

    from apps.backoffice.models import Export, User
    from apps.backoffice.services.exports import claim_exports, request_export
    from apps.backoffice.tasks import run_export

    with tempfile.TemporaryDirectory() as folder:
        stores: Any = settings.STORAGES
        stores["exports"]["OPTIONS"]["location"] = folder
        request_export(
            user=User.objects.get(email="superuser@demo.example"),
            source="payments.paymentintent",
            title="benchmark",
            query="livemode__exact=1",
            file_format=file_format,
            now=timezone.now(),
        )
        started = time.monotonic()
        for export in claim_exports(1):
            run_export(export, now=timezone.now())
        made = Export.objects.latest("id")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"export {file_format}: {made.rows or 0:,} rows, {(made.size or 0) / 1e6:.0f} MB of file,"
        f" {time.monotonic() - started:.0f} s, {peak:.0f} MB peak (<= {EXPORT_MEGABYTES:.0f})"
    )


if __name__ == "__main__":
    main()
