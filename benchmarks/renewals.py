"""
How fast a billing run renews subscriptions that are all due at once.

    DATABASE_URL=... python benchmarks/renewals.py [--due 100000] [--present 0] [--loop 300]

A renewal here is the product's own: the next period from the anchor in the customer's zone, a
numbered invoice with its line, three events with their frozen objects in the store and in the
queue, the subscription's new period and version, all guards of PostgreSQL switched on. `--loop`
renews that many with the same code, one transaction per subscription, as a loop over rows would.
`--present` adds subscriptions that are not due: the cost per renewal should not notice them.
Works in a test database of its own, which is dropped afterwards.
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

import django

django.setup()

from django.db import connection  # noqa: E402
from django.test.utils import CaptureQueriesContext, setup_databases, teardown_databases  # noqa: E402

from apps.subscriptions.models import Invoice, Subscription  # noqa: E402
from apps.subscriptions.selectors import Times  # noqa: E402
from apps.subscriptions.services import duties  # noqa: E402
from apps.subscriptions.states import CollectionMethod  # noqa: E402
from tests.factories.subscriptions import customer_with_card, price, subscribe  # noqa: E402

START = datetime(2025, 1, 31, 10, tzinfo=UTC)
DUE = START + timedelta(days=40)
MEGABYTE = 1024

_COPY = {
    "customers_customer": "jsonb_build_object('id', 'cus_' || {key})",
    "subscriptions_subscription": (
        "jsonb_build_object('id', 'sub_' || {key}, 'customer_id', 'cus_' || {key},"
        " 'version', 0, 'due_at', {due}::timestamptz)"
    ),
    "subscriptions_subscriptionitem": (
        "jsonb_build_object('id', 'si_' || {key}, 'subscription_id', 'sub_' || {key})"
    ),
}


def seed(count: int, *, prefix: str, due: datetime) -> None:
    """Copy the one real subscription `count` times, with its customer and item."""
    key = f"'{prefix}' || lpad(n::text, 20, '0')"
    with connection.cursor() as cursor:
        for table, changes in _COPY.items():
            document = changes.format(key=key, due=f"'{due.isoformat()}'")
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
    created = setup_databases(verbosity=0, interactive=False)
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


def renew_all(times: Times) -> tuple[int, float, int]:
    """Return how many were renewed, in how many seconds, and the statements of one batch."""
    renewed, statements, begin = 0, 0, time.perf_counter()
    while True:
        if not statements:
            with CaptureQueriesContext(connection) as captured:
                count, _ = duties.bill_due(times)
            statements = len(captured)
        else:
            count, _ = duties.bill_due(times)
        if not count:
            return renewed, time.perf_counter() - begin, statements
        renewed += count


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
    options = parser.parse_args()
    times = Times(DUE, DUE)
    with database():
        make_template()
        seed(options.present, prefix="p", due=DUE + timedelta(days=365))
        seed(options.loop, prefix="l", due=DUE)
        batch, duties.BATCH = duties.BATCH, 1
        looped, loop_seconds, _ = renew_all(times)
        duties.BATCH = batch
        seed(options.due, prefix="d", due=DUE)
        renewed, seconds, statements = renew_all(times)
        check(renewed + looped)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // MEGABYTE
    rate, loop_rate = renewed / seconds, looped / loop_seconds if looped else 0.0
    print(f"renewed            {renewed} of {renewed + looped + options.present} present")
    print(f"seconds            {seconds:.1f}")
    print(f"renewals/s         {rate:.0f}")
    print(f"one by one         {loop_rate:.0f}/s, so {rate / loop_rate if looped else 0:.1f}x")
    print(f"statements         {statements} per batch of {batch}")
    print(f"peak memory        {memory} MB")


if __name__ == "__main__":
    main()
