"""`manage.py loadtest`: load the running platform with payments, and prove that all went well."""

import asyncio
import json
import math
import time
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from apps.api.models import Merchant
from apps.api.services import create_api_key, create_merchant
from apps.ledger.verification import verify_books
from apps.payments.load import Load, list_charges, pay_at_rate
from apps.payments.models import PaymentIntent
from apps.payments.states import IntentStatus

# Of the payments begun: what S1.p4 allows.
MAX_FAILED_SHARE: Final = 0.001
# A key is loaded to this share of its rate limit, since payments start at random moments.
KEY_LOAD: Final = 0.5
# For how long payments without an outcome may still find theirs.
SETTLE_SECONDS: Final = 60.0
_UNDER_WAY: Final = (IntentStatus.CREATED, IntentStatus.PROCESSING)

_ENTRIES = """
SELECT count(*), count(DISTINCT attempt.intent_id), coalesce(sum(intent.amount_received), 0)
  FROM ledger_journalentry entry
  JOIN payments_paymentattempt attempt ON attempt.id = entry.source_id
  JOIN payments_paymentintent intent ON intent.id = attempt.intent_id
 WHERE entry.merchant_id = %s AND entry.kind = 'captured'
"""
_SUM = """
SELECT coalesce(sum(posting.amount), 0) FROM ledger_posting posting
  JOIN ledger_journalentry entry ON entry.id = posting.entry_id WHERE entry.merchant_id = %s
"""


class Command(BaseCommand):
    help = (
        "Pay at a rate over the running server, as a merchant of its own, and print rate, latencies"
        " and failures. Then compare the gateway's charges, the payments and the ledger, and exit"
        " with 1 when they differ, or when more than one payment in a thousand failed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--rate", type=float, default=200.0, help="payments a second")
        parser.add_argument("--seconds", type=float, default=60.0)
        parser.add_argument("--p99-ms", type=float, help="fail when p99 is above this")
        parser.add_argument("--url", default=settings.PUBLIC_BASE_URL, help="default %(default)s")
        parser.add_argument(
            "--simulator", help="address of the simulator; default that of `make run`, if it runs"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Load, wait for what is under way, compare."""
        merchant, keys = _make_shop(options["rate"])
        load = asyncio.run(
            pay_at_rate(
                url=options["url"], keys=keys, rate=options["rate"], seconds=options["seconds"]
            )
        )
        self._show(load)
        left = _wait_for_outcomes(merchant)
        simulator = options["simulator"] or _simulator_of_make_run()
        faults = [
            *_faults_of_load(load, p99_ms=options["p99_ms"]),
            *([f"{left} payments have no outcome after {SETTLE_SECONDS:.0f} s"] if left else []),
            *self._compare(merchant, load, simulator),
        ]
        if faults:
            raise CommandError("; ".join(faults))
        self.stdout.write("Every payment is charged once, booked once, and the books are true.")

    def _show(self, load: Load) -> None:
        p50, p95, p99 = (load.percentile(share) * 1000 for share in (0.5, 0.95, 0.99))
        self.stdout.write(
            f"{load.begun} payments in {load.seconds:.1f} s: {load.begun / load.seconds:.1f}/s,"
            f" p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms"
        )
        self.stdout.write(f"failed: {load.failed} ({load.failed_share:.2%})")
        for why, count in load.failures.most_common():
            self.stdout.write(f"  {count} {why}")

    def _compare(self, merchant: Merchant, load: Load, simulator: str) -> Iterator[str]:
        """Compare the three books with each other, and the ledger with itself."""
        paid = dict(
            PaymentIntent.objects.filter(
                merchant_id=merchant.id, status=IntentStatus.SUCCEEDED
            ).values_list("id", "amount_received")
        )
        with connection.cursor() as cursor:
            cursor.execute(_ENTRIES, [merchant.id])
            entries, booked, amount = cursor.fetchone()
            cursor.execute(_SUM, [merchant.id])
            (imbalance,) = cursor.fetchone()
        self.stdout.write(f"payments {len(paid)}, ledger entries {entries} for {booked} payments")
        if lost := len(set(load.paid) - paid.keys()):
            yield f"{lost} payments that the API called succeeded are not"
        if (entries, booked, amount) != (len(paid), len(paid), sum(paid.values())):
            yield f"{len(paid)} payments are booked by {entries} entries for {booked} of them"
        if imbalance:
            yield f"the entries of the run sum to {imbalance} instead of 0"
        yield from self._compare_charges(frozenset(paid), merchant, simulator)
        yield from (f"{each.check}: {each.row}: {each.detail}" for each in verify_books())

    def _compare_charges(
        self, paid: frozenset[str], merchant: Merchant, simulator: str
    ) -> Iterator[str]:
        if not simulator:
            self.stdout.write("charges: not compared, no simulator is known (--simulator)")
            return
        ours = frozenset(
            PaymentIntent.objects.filter(merchant_id=merchant.id).values_list("id", flat=True)
        )
        charges = asyncio.run(list_charges(simulator, ours))
        self.stdout.write(f"charges at the gateway {charges.total()}")
        if twice := [intent for intent, count in charges.items() if count > 1]:
            yield f"{len(twice)} payments were charged more than once, such as {twice[0]}"
        if charges.keys() != paid:
            differing = len(charges.keys() ^ paid)
            yield f"{differing} payments are charged and not paid, or paid and not charged"


def _make_shop(rate: float) -> tuple[Merchant, list[str]]:
    """Return a merchant of this run, with as many keys as the rate limit of each asks for."""
    now = timezone.now()
    merchant = create_merchant(name=f"Load test of {now:%Y-%m-%d %H:%M}", now=now)
    limit = settings.RATE_LIMIT_WRITES_PER_SECOND * KEY_LOAD
    count = max(1, math.ceil(rate / limit))
    return merchant, [
        create_api_key(merchant=merchant, livemode=False, now=now)[1] for _ in range(count)
    ]


def _wait_for_outcomes(merchant: Merchant) -> int:
    """Return how many payments still have no outcome after a while; workers settle the others."""
    under_way = PaymentIntent.objects.filter(merchant_id=merchant.id, status__in=_UNDER_WAY)
    deadline = time.monotonic() + SETTLE_SECONDS
    while (left := under_way.count()) and time.monotonic() < deadline:
        time.sleep(1)
    return left


def _faults_of_load(load: Load, *, p99_ms: float | None) -> Iterator[str]:
    if not load.begun:
        yield "no payment was begun"
    if load.failed_share > MAX_FAILED_SHARE:
        yield f"{load.failed_share:.2%} of the payments failed, more than {MAX_FAILED_SHARE:.1%}"
    if p99_ms is not None and load.percentile(0.99) * 1000 > p99_ms:
        yield f"p99 is above {p99_ms:.0f} ms"


def _simulator_of_make_run() -> str:
    told = settings.LOCAL_DIR / "demo.json"
    return str(json.loads(told.read_text())["simulator_url"]) if told.exists() else ""
