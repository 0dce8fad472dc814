"""
One client of the ledger benchmark: books entries and says what they cost.

`benchmarks/ledger.py` starts it, once per connection, in the environment of the ledger measured:
`python ledger_client.py <ledger> <legs> <entries>`. It says "ready", waits for a line, works, and
writes its figures as JSON. With "migrate" for legs it makes the peer's tables instead.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.conf import settings

BATCH = 100
WARM_UP_CALLS = 20
LEGS_WITH_RELEASE = 4
PEER_APPS = {"hordak": ["mptt", "hordak"], "capone": ["capone"]}

Book = Callable[[], int]


def main() -> None:
    """Run one client."""
    ledger, legs, entries = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if ledger in PEER_APPS:
        _set_up_peer(ledger)
    else:
        django.setup()
    if legs == "migrate":
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        return
    _run(LEDGERS[ledger](int(legs)), entries)


def capture_maker(legs: int, merchant_id: str = "acct_bench") -> Callable[[], Any]:
    """Return what makes drafts: a capture has two legs, and four when it releases a hold."""
    from django.utils import timezone

    from apps.common.ids import new_id
    from apps.common.origin import Scope
    from apps.ledger import recipes

    scope = Scope(merchant_id, livemode=False)
    release = 1000 if legs == LEGS_WITH_RELEASE else 0

    def make() -> Any:
        fact = recipes.Fact(
            scope=scope,
            id=new_id("att"),
            gateway="stripe_main",
            amount=1000,
            currency="EUR",
            at=timezone.now(),
        )
        return recipes.captured(fact, release=release)

    return make


def _run(book: Book, entries: int) -> None:
    # Accounts and prepared plans are made before the clock starts.
    for _ in range(WARM_UP_CALLS):
        book()
    backend = _backend()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    client, server = _client_seconds(), _server_seconds(backend)
    start, booked = time.perf_counter(), 0
    while booked < entries:
        booked += book()
    figures = {
        "entries": booked,
        "seconds": time.perf_counter() - start,
        "client_seconds": _client_seconds() - client,
        "server_seconds": _server_seconds(backend) - server,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _backend() -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _client_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _server_seconds(backend: int) -> float:
    fields = Path(f"/proc/{backend}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _ours_cold(legs: int) -> Book:
    """Book on accounts which no other client touches."""
    return _ours(legs, merchant_id=f"acct_{os.getpid()}")


def _ours(legs: int, merchant_id: str = "acct_bench") -> Book:
    from apps.ledger.services import post_entry

    make = capture_maker(legs, merchant_id)

    def book() -> int:
        post_entry(make())
        return 1

    return book


def _ours_batch(legs: int) -> Book:
    from apps.ledger.services import post_entries

    make = capture_maker(legs)

    def book() -> int:
        return len(post_entries([make() for _ in range(BATCH)]))

    return book


def _set_up_peer(name: str) -> None:
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["BENCH_DATABASE"],
        "CONN_MAX_AGE": None,
    }
    settings.configure(
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            *PEER_APPS[name],
        ],
        DATABASES={"default": database},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        USE_TZ=True,
        SECRET_KEY=os.urandom(16).hex(),
    )
    django.setup()


def _hordak(legs: int) -> Book:
    from django.db import transaction
    from hordak.models import Account, Leg, Transaction  # type: ignore[import-not-found]
    from moneyed import Money  # type: ignore[import-not-found]

    accounts = [
        Account.objects.create(name=f"account {number}", type="AS", currencies=["EUR"])
        for number in range(legs)
    ]
    amount = Money(10, "EUR")

    def book() -> int:
        with transaction.atomic():
            entry = Transaction.objects.create()
            for number, account in enumerate(accounts):
                side = {"debit" if number % 2 else "credit": amount}
                Leg.objects.create(transaction=entry, account=account, **side)
        return 1

    return book


def _capone(legs: int) -> Book:
    from capone.api.actions import create_transaction  # type: ignore[import-not-found]
    from capone.models import Ledger, LedgerEntry  # type: ignore[import-not-found]
    from django.contrib.auth.models import User
    from django.utils import timezone

    user, _ = User.objects.get_or_create(username="bench")
    evidence = User.objects.create(username=f"evidence {os.getpid()}")
    ledgers = [
        Ledger.objects.get_or_create(
            name=f"ledger {number}",
            defaults={"number": number, "increased_by_debits": bool(number % 2)},
        )[0]
        for number in range(legs)
    ]

    def book() -> int:
        create_transaction(
            user,
            evidence=[evidence],
            posted_timestamp=timezone.now(),
            ledger_entries=[
                LedgerEntry(ledger=ledger, amount=10 if number % 2 else -10)
                for number, ledger in enumerate(ledgers)
            ],
        )
        return 1

    return book


LEDGERS: dict[str, Callable[[int], Book]] = {
    "ours": _ours,
    "ours_cold": _ours_cold,
    "ours_batch": _ours_batch,
    "hordak": _hordak,
    "capone": _capone,
}

if __name__ == "__main__":
    main()
