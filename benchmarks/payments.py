"""
Create + confirm over HTTP against the simulated gateway, beside the floor that pgbench sets.

    bin/with-servers .venv/bin/python -m benchmarks.payments [--seconds 15] [--rate 200]

Prints payments/s, latencies, CPU per payment (web server and PostgreSQL; the load generator and
the simulator are counted apart) and the ratio to the floor. Absolute figures are this machine's;
the ratios carry over.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psycopg

from benchmarks.floor import SCRIPT, create_floor
from benchmarks.measure import (
    cpu_seconds,
    memory_megabytes,
    percentile,
    postmaster_pid,
    run_pgbench,
)
from tests.live.running import RunningWeb

WEB_WORKERS = 2
WEB_THREADS = 128
CLIENTS = 16
AMOUNT = 1050


@dataclass
class Run:
    """What one load run measured."""

    name: str
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    web_cpu: float = 0.0
    database_cpu: float = 0.0
    simulator_cpu: float = 0.0
    statements: float = 0.0

    @property
    def payments(self) -> int:
        return len(self.latencies)

    @property
    def cpu_ms(self) -> float:
        return (self.web_cpu + self.database_cpu) * 1000 / max(1, self.payments)

    def show(self) -> None:
        ordered = sorted(self.latencies) or [0.0]
        p50, p95, p99 = (percentile(ordered, share) * 1000 for share in (0.5, 0.95, 0.99))
        count = max(1, self.payments)
        print(
            f"{self.name:<34} {self.payments / self.seconds:7.1f}/s  p50 {p50:6.1f} ms  p95"
            f" {p95:6.1f}  p99 {p99:6.1f}  CPU/payment: web {self.web_cpu * 1000 / count:.2f} ms"
            f" + PostgreSQL {self.database_cpu * 1000 / count:.2f} = {self.cpu_ms:.2f} ms"
            f"  cores {(self.web_cpu + self.database_cpu) / self.seconds:.2f}"
            f"  failures {len(self.failures)}"
        )
        for failure in self.failures[:3]:
            print(f"    {failure}")


class Payer:
    """Creates and confirms payments as a client does."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str) -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    async def pay(self) -> str:
        """Return the intent's id; raises when it did not succeed."""
        made = await self._post("/v1/payment_intents", {"amount": AMOUNT, "currency": "eur"})
        path = f"/v1/payment_intents/{made['id']}/confirm"
        paid = await self._post(path, {"payment_method": "pm_card_visa"})
        if paid.get("status") != "succeeded":
            raise RuntimeError(f"{made['id']} is {paid.get('status')}")
        return str(made["id"])

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {**self._headers, "Idempotency-Key": str(uuid.uuid4())}
        async with self._session.post(
            f"{self._url}{path}", data=json.dumps(body), headers=headers
        ) as answer:
            shown: dict[str, Any] = await answer.json()
            if answer.status != 200:
                raise RuntimeError(f"{answer.status} {shown}")
            return shown


async def closed_loop(payer: Payer, run: Run, *, seconds: float, clients: int) -> None:
    """Let `clients` pay one payment after the other."""
    end = time.monotonic() + seconds

    async def client() -> None:
        while time.monotonic() < end:
            await _timed(payer, run)

    await asyncio.gather(*(client() for _ in range(clients)))


async def open_loop(payer: Payer, run: Run, *, seconds: float, rate: float) -> None:
    """Start payments at random moments, `rate` a second on average, however slow they are."""
    end = time.monotonic() + seconds
    begun: set[asyncio.Task[None]] = set()
    while time.monotonic() < end:
        task = asyncio.create_task(_timed(payer, run))
        begun.add(task)
        task.add_done_callback(begun.discard)
        await asyncio.sleep(random.expovariate(rate))
    await asyncio.gather(*begun)


async def _timed(payer: Payer, run: Run) -> None:
    begin = time.monotonic()
    try:
        await payer.pay()
    except (RuntimeError, aiohttp.ClientError, TimeoutError) as error:
        run.failures.append(str(error)[:300])
    else:
        run.latencies.append(time.monotonic() - begin)


class Bench:
    """The servers under load and what is measured around each run."""

    def __init__(self, *, web: RunningWeb, simulator: Any, key: str, database_url: str) -> None:
        self._web = web
        self.simulator = simulator
        self._key = key
        self._database_url = database_url
        self._postmaster = postmaster_pid(database_url)

    async def load(self, name: str, **shape: Any) -> Run:
        """Run one load: `clients` for a closed loop, `rate` for an open one."""
        run = Run(name)
        connector = aiohttp.TCPConnector(limit=2000)
        async with aiohttp.ClientSession(connector=connector) as session:
            payer = Payer(session, self._web.url, self._key)
            await asyncio.gather(*(payer.pay() for _ in range(8)))
            before = self._cpu()
            begin = time.monotonic()
            loop = closed_loop if "clients" in shape else open_loop
            await loop(payer, run, **shape)
            run.seconds = time.monotonic() - begin
            after = self._cpu()
        run.web_cpu, run.database_cpu, run.simulator_cpu = (
            b - a for a, b in zip(before, after, strict=True)
        )
        run.show()
        return run

    def memory(self) -> list[float]:
        assert self._web.process is not None
        return sorted(memory_megabytes([self._web.process.pid]), reverse=True)

    def floor(self, seconds: int) -> float | None:
        """Return the floor's CPU in milliseconds per payment."""
        with psycopg.connect(self._database_url) as connection:
            row = connection.execute(
                "SELECT id FROM payments_paymentintent WHERE status = 'succeeded'"
                " ORDER BY id DESC LIMIT 1"
            ).fetchone()
        assert row is not None
        counts = create_floor(self._database_url, row[0])
        print("rows of one payment: " + ", ".join(f"{n} {t}" for t, n in counts.items()))
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
            script.write(SCRIPT)
            script.flush()
            before, client_before = cpu_seconds([self._postmaster]), _children_cpu()
            begin = time.monotonic()
            rate = run_pgbench(
                self._database_url, Path(script.name), clients=CLIENTS, seconds=seconds
            )
            elapsed = time.monotonic() - begin
        if rate is None:
            print("pgbench is not here: no floor")
            return None
        payments = rate * elapsed
        server = (cpu_seconds([self._postmaster]) - before) * 1000 / payments
        client = (_children_cpu() - client_before) * 1000 / payments
        print(
            f"{'floor (pgbench)':<34} {rate:7.1f}/s  CPU/payment: client {client:.2f} ms"
            f" + PostgreSQL {server:.2f} = {server + client:.2f} ms"
        )
        return server + client

    def _cpu(self) -> tuple[float, float, float]:
        assert self._web.process is not None
        return (
            cpu_seconds([self._web.process.pid]),
            cpu_seconds([self._postmaster]),
            cpu_seconds([self.simulator._process.pid]),  # noqa: SLF001 - nobody else asks
        )


def _children_cpu() -> float:
    """Return the CPU seconds of the programs that this process ran and that have ended."""
    used = os.times()
    return used.children_user + used.children_system


def prepare() -> str:
    """Migrate, and return a key of a new merchant."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.local"
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections
    from django.utils import timezone

    from apps.api.services import create_api_key, create_merchant

    call_command("migrate", verbosity=0)
    now = timezone.now()
    merchant = create_merchant(name="Benchmark", now=now)
    _, secret = create_api_key(merchant=merchant, livemode=False, now=now)
    connections.close_all()
    return secret


def count_round_trips(secret: str, psp_url: str) -> None:
    """Print how many SQL statements each request of a payment sends, measured in this process."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from apps.gateways import registry

    settings.RATE_LIMIT_ENABLED = False
    settings.GATEWAYS["stripe_main"].update(api_base=psp_url, api_key="sk_test_simulator")
    registry.reset_gateways()
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    counts: dict[str, int] = {}

    def count(name: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        with CaptureQueriesContext(connection) as queries:
            if body is None:
                answer = client.get(path)
            else:
                headers = {"Idempotency-Key": str(uuid.uuid4())}
                answer = client.post(path, body, content_type="application/json", headers=headers)
        assert answer.status_code == 200, answer.content
        counts[name] = len(queries)
        shown: dict[str, Any] = answer.json()
        return shown

    for _ in range(2):  # the first payment fills the caches of the process
        made = count("create", "/v1/payment_intents", {"amount": AMOUNT, "currency": "eur"})
        path = f"/v1/payment_intents/{made['id']}"
        count("confirm", f"{path}/confirm", {"payment_method": "pm_card_visa"})
        count("GET", path)
    connection.close()
    print("SQL round trips: " + ", ".join(f"{name} {n}" for name, n in counts.items()))


def check_books(database_url: str, run_charges: int) -> None:
    """Say whether what was paid is what the gateway took and the ledger holds."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            """
            SELECT count(*), coalesce(sum(amount_received), 0),
                   (SELECT coalesce(sum(amount), 0) FROM ledger_posting),
                   (SELECT count(*) FROM ledger_journalentry WHERE kind = 'captured')
            FROM payments_paymentintent WHERE status = 'succeeded'
            """
        ).fetchone()
    assert row is not None
    paid, received, sum_of_postings, entries = row
    verdict = "as they must be" if (entries, sum_of_postings) == (paid, 0) else "WRONG"
    print(
        f"books {verdict}: {paid} payments of {received} in all, {entries} entries that sum to"
        f" {sum_of_postings}, {run_charges} charges at the gateway"
    )


async def run_all(bench: Bench, options: argparse.Namespace) -> None:
    """Alternate product and floor, then load with a slow gateway."""
    runs = []
    floors = []
    for _ in range(options.rounds):
        runs.append(
            await bench.load("gateway 0 ms, closed loop", clients=CLIENTS, seconds=options.seconds)
        )
        floor = bench.floor(options.seconds)
        if floor is not None:
            floors.append(floor)
    bench.simulator.fault("latency", rate=1, ms=300)
    slow = await bench.load(
        f"gateway 300 ms, {options.rate:.0f}/s", rate=options.rate, seconds=options.seconds
    )
    bench.simulator.heal()
    overhead = percentile(sorted(slow.latencies) or [0], 0.99) * 1000 - 300
    best = min(run.cpu_ms for run in runs)
    print(f"\np99 overhead over the gateway at {options.rate:.0f}/s: {overhead:.0f} ms")
    if floors:
        print(f"CPU per payment against the floor: {best / min(floors):.1f}x (must 6.7x, aim 4x)")
    print("memory of the web processes, MB: " + ", ".join(f"{mb:.0f}" for mb in bench.memory()))


def main() -> None:
    """Start everything, measure, stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rate", type=float, default=200)
    options = parser.parse_args()
    database_url = os.environ.get("DATABASE_URL") or sys.exit("run it with bin/with-servers")
    secret = prepare()
    from simulator.testing import RunningSimulator

    with RunningSimulator() as simulator:
        count_round_trips(secret, simulator.psp_url)
        environment = {
            "DJANGO_SETTINGS_MODULE": "config.settings.local",
            "GATEWAYS": "stripe_main",
            "GATEWAYS_STRIPE_MAIN_API_BASE": simulator.psp_url,
            "GATEWAYS_STRIPE_MAIN_API_KEY": "sk_test_simulator",
            "GATEWAYS_STRIPE_MAIN_WEBHOOK_SECRET": "whsec_benchmark",
            "RATE_LIMIT_ENABLED": "false",
        }
        with RunningWeb(environment, workers=WEB_WORKERS, threads=WEB_THREADS) as web:
            bench = Bench(web=web, simulator=simulator, key=secret, database_url=database_url)
            asyncio.run(run_all(bench, options))
        check_books(database_url, len(simulator.charges()))


if __name__ == "__main__":
    main()
