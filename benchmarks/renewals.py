"""
How fast a billing run renews subscriptions that are all due at once.

    DATABASE_URL=... python benchmarks/renewals.py [--due 100000] [--present 0] [--loop 300]
                                                   [--shapes 20]

A renewal here is the product's own: the next period from the anchor in the customer's zone, a
numbered invoice with its line, three events with their frozen objects in the store and in the
queue, the subscription's new period and version, all guards of PostgreSQL switched on. Customers
and subscriptions have names, metadata and anchors of their own, and `--shapes` quantities.
`--loop` renews that many with the same code, one transaction per subscription, as a loop over
rows would. `--present` adds subscriptions that are not due: the cost per renewal should not
notice them. Works in a test database of its own, which is dropped afterwards.
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

import django

django.setup()

from django.db import connection  # noqa: E402
from django.test.utils import setup_databases, teardown_databases  # noqa: E402

from apps.subscriptions.models import Invoice, Subscription  # noqa: E402
from apps.subscriptions.selectors import Times  # noqa: E402
from apps.subscriptions.services import duties  # noqa: E402
from apps.subscriptions.states import CollectionMethod  # noqa: E402
from benchmarks.measure import cpu_seconds  # noqa: E402
from tests.factories.subscriptions import customer_with_card, price, subscribe  # noqa: E402

START = datetime(2025, 1, 31, 10, tzinfo=UTC)
DUE = START + timedelta(days=40)
MEGABYTE = 1024

_COPY = {
    "customers_customer": (
        "jsonb_build_object('id', 'cus_' || {key}, 'email', {key} || '@example.com',"
        " 'metadata', jsonb_build_object('crm', n))"
    ),
    # Within a quarter of a day, so that all anchors stay on the same day of the month.
    "subscriptions_subscription": (
        "jsonb_build_object('id', 'sub_' || {key}, 'customer_id', 'cus_' || {key},"
        " 'version', 0, 'due_at', {due}::timestamptz, 'metadata', jsonb_build_object('user', n),"
        " 'anchor', template.anchor + n % 20000 * interval '1 second',"
        " 'current_period_start', template.current_period_start + n % 20000 * interval '1 second',"
        " 'current_period_end', template.current_period_end + n % 20000 * interval '1 second')"
    ),
    "subscriptions_subscriptionitem": (
        "jsonb_build_object('id', 'si_' || {key}, 'subscription_id', 'sub_' || {key},"
        " 'quantity', 1 + n % {shapes})"
    ),
}


def seed(count: int, *, prefix: str, due: datetime, shapes: int) -> None:
    """Copy the one real subscription `count` times, with its customer and item."""
    key = f"'{prefix}' || lpad(n::text, 20, '0')"
    with connection.cursor() as cursor:
        for table, changes in _COPY.items():
            document = changes.format(key=key, due=f"'{due.isoformat()}'", shapes=shapes)
            cursor.execute(
                f"INSERT INTO {table} SELECT new.* FROM"
                f" (SELECT * FROM {table} ORDER BY id LIMIT 1) template,"
                f" generate_series(1, {count}) n,"
                f" LATERAL jsonb_populate_record(template::{table}, {document}) new"
            )
        for table in _COPY:
            cursor.execute(f"ANALYZE {table}")


@contextmanager
def database() -> Iterator[None]:
    """Work in a fresh test database."""
    created = setup_databases(verbosity=0, interactive=False, serialized_aliases=())
    try:
        yield
    finally:
        teardown_databases(created, verbosity=0)


def make_template() -> None:
    """Subscribe one customer for real: the row that is copied."""
    subscription = subscribe(
        customer_with_card(time_zone="Europe/Berlin"),
        price(1000),
        now=START,
        fields={"collection_method": CollectionMethod.SEND_INVOICE},
    )
    Subscription.objects.filter(pk=subscription.id).update(
        due_at=None, collection_method=CollectionMethod.CHARGE_AUTOMATICALLY
    )


class Run(NamedTuple):
    """So many renewals, in how many seconds, of which how many CPU, with how many statements."""

    renewed: int
    seconds: float
    cpu: float
    statements: int

    @property
    def cpu_ms(self) -> float:
        """The CPU time of one renewal, ours and PostgreSQL's: it does not mind who else works."""
        return self.cpu / max(1, self.renewed) * 1000


def renew_all(times: Times) -> Run:
    """Renew until nothing is due."""
    statements = 0

    def count(execute: Callable[..., Any], *call: Any) -> Any:
        nonlocal statements
        statements += 1
        return execute(*call)

    renewed, begin, cpu = 0, time.perf_counter(), cpu_used()
    with connection.execute_wrapper(count):
        while batch := duties.bill_due(times)[0]:
            renewed += batch
    return Run(renewed, time.perf_counter() - begin, cpu_used() - cpu, statements)


def cpu_used() -> float:
    """Return the CPU seconds of this process and of its PostgreSQL session."""
    connection.ensure_connection()
    return cpu_seconds([os.getpid(), connection.connection.info.backend_pid])


def check(due: int) -> None:
    """Every subscription has one invoice for its period, and the numbers have no gap."""
    made = Invoice.objects.filter(billing_reason="subscription_cycle")
    numbers = set(made.values_list("number", flat=True))
    assert made.count() == due, (made.count(), due)
    assert len(numbers) == due
    assert numbers == {f"INV-{n:06d}" for n in range(2, due + 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--due", type=int, default=100_000)
    parser.add_argument("--present", type=int, default=0)
    parser.add_argument("--loop", type=int, default=300)
    parser.add_argument("--shapes", type=int, default=20)
    options = parser.parse_args()
    times = Times(DUE, DUE)
    shapes = options.shapes
    with database():
        make_template()
        seed(options.present, prefix="p", due=DUE + timedelta(days=365), shapes=shapes)
        seed(options.loop, prefix="l", due=DUE, shapes=shapes)
        batch, duties.BATCH = duties.BATCH, 1
        loop = renew_all(times)
        duties.BATCH = batch
        seed(options.due, prefix="d", due=DUE, shapes=shapes)
        run = renew_all(times)
        check(run.renewed + loop.renewed)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // MEGABYTE
    print(f"renewed            {run.renewed}, with {options.present} present that are not due")
    print(f"seconds            {run.seconds:.1f}, of which CPU {run.cpu:.1f}")
    print(f"renewals/s         {run.renewed / run.seconds:.0f}, CPU {run.cpu_ms:.3f} ms each")
    print(f"in batches of {batch} {run.statements / run.renewed:.3f} statements per subscription")
    if loop.renewed:
        rate = loop.renewed / loop.seconds
        print(f"one by one         {rate:.0f}/s, CPU {loop.cpu_ms:.3f} ms each,", end=" ")
        print(f"{loop.statements / loop.renewed:.1f} statements per subscription")
        print(f"                   so {run.renewed / run.seconds / rate:.1f}x,", end=" ")
        print(f"by CPU {loop.cpu_ms / run.cpu_ms:.1f}x")
    print(f"peak memory        {memory} MB")


if __name__ == "__main__":
    main()
