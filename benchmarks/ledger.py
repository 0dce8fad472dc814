"""
What a journal entry costs, beside the floor (pgbench) and two other ledgers for Django.

    python -m benchmarks.ledger                      a short run, about two minutes
    python -m benchmarks.ledger --history 1000000    with a million entries in the books
    python -m benchmarks.ledger --without-peers      without installing django-hordak and capone

All of them run on the server of BENCH_SERVER_URL (a libpq address), one after the other, in
databases made for it. The server must run on this machine: its CPU is read from /proc.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import django
import psycopg
from psycopg import sql

from benchmarks.measure import cpu_seconds, postmaster_pid, run_pgbench

ROOT = Path(__file__).resolve().parents[1]
CLIENT = ROOT / "benchmarks" / "ledger_client.py"
DATABASE = "bench_ledger"
CLIENT_COUNTS = (1, 8)
LEG_COUNTS = (2, 4)
FLOOR_SECONDS = 4
READS = 2000
HISTORY_MIN = 1000
HISTORY_BATCH = 500

# The ledgers to compare with, and the share of their CPU that ours may take at most.
PEERS = {"hordak": ("django-hordak==2.0.0", 1 / 3), "capone": ("capone==3.1.0", 1 / 8)}
FLOOR_FACTOR = 2.5
BATCH_FACTOR = 4.0
HOT_SHARE = 0.6
READ_FACTOR = 2.0

# The same guarded function with four legs, from a client that costs next to nothing.
FLOOR = """
SELECT ledger_post_entry(jsonb_build_object(
    'id', 'jrn_' || lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000000)::bigint), 20, '0')
          || lpad(to_hex((random() * 16777215)::int), 6, '0'),
    'merchant_id', 'acct_bench', 'livemode', false, 'kind', 'captured',
    'source_type', 'payment_attempt', 'source_id', gen_random_uuid(), 'value_on', current_date,
    'booked_at', now(), 'reverses', null, 'description', '', 'metadata', '{}'::jsonb,
    'legs', '[{"account": "gateway_clearing", "owner": "stripe_main", "currency": "EUR",
               "layer": "posted", "amount": 1000, "forced": false},
              {"account": "sales", "owner": "", "currency": "EUR",
               "layer": "posted", "amount": -1000, "forced": false},
              {"account": "gateway_clearing", "owner": "stripe_main", "currency": "EUR",
               "layer": "pending", "amount": -1000, "forced": false},
              {"account": "sales", "owner": "", "currency": "EUR",
               "layer": "pending", "amount": 1000, "forced": false}]'::jsonb));
"""


@dataclass(frozen=True)
class Figures:
    """What a run cost: entries per second, and CPU milliseconds per entry on both sides."""

    per_second: float
    client_ms: float
    server_ms: float

    @property
    def total_ms(self) -> float:
        return self.client_ms + self.server_ms


def main() -> None:
    """Run the benchmark and say figures and ratios."""
    options = _options()
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    say(f"{'':36}{'entries/s':>10}{'client ms':>11}{'server ms':>11}{'both ms':>9}")
    with _database(options.server) as url:
        os.environ["DATABASE_URL"] = f"postgres:///{DATABASE}"
        _migrate()
        _load_history(HISTORY_MIN)
        read_small = _milliseconds_of_a_read()
        say(f"with {HISTORY_MIN} entries in the books")
        young = _measure_all(["ours"], options.entries)
        grown = max(options.history, HISTORY_MIN)
        _load_history(grown - HISTORY_MIN)
        say(f"with {grown} and those of this run")
        ours = _measure_all(["ours", "ours_cold", "ours_batch"], options.entries)
        floor = _measure_floor(url)
        read_large = _milliseconds_of_a_read()
    peers = {} if options.without_peers else _measure_peers(options)
    _say_ratios(ours, floor, peers)
    _say_growth(young, ours)
    _say_ratio(
        f"balance read: {read_small:.3f} ms with {HISTORY_MIN} entries, {read_large:.3f} ms with"
        f" {grown} and those of this run", read_large / read_small, READ_FACTOR,
    )  # fmt: skip


def say(line: str) -> None:
    """Write one line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=800, help="entries per client")
    parser.add_argument("--history", type=int, default=HISTORY_MIN, help="entries booked before")
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--server", default=os.environ.get("BENCH_SERVER_URL", "postgres:///"))
    return parser.parse_args()


@contextmanager
def _database(server: str) -> Iterator[str]:
    """Create the database, point libpq at its server, and drop it at the end."""
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE))
    with psycopg.connect(server, dbname="postgres", autocommit=True) as admin:
        admin.execute(drop)
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        at = admin.info
        os.environ |= {"PGHOST": at.host, "PGPORT": str(at.port), "PGUSER": at.user}
        os.environ |= {"PGPASSWORD": at.password} if at.password else {}
        try:
            yield f"host={at.host} port={at.port} user={at.user} dbname={DATABASE}"
        finally:
            admin.execute(drop)


def _migrate() -> None:
    django.setup()
    from django.core.management import call_command

    call_command("migrate", "ledger", verbosity=0)


def _load_history(entries: int) -> None:
    from apps.ledger.services import post_entries
    from benchmarks.ledger_client import capture_maker

    make = capture_maker(legs=2)
    for _ in range(entries // HISTORY_BATCH):
        post_entries([make() for _ in range(HISTORY_BATCH)])


def _milliseconds_of_a_read() -> float:
    from apps.ledger.models import Account
    from apps.ledger.selectors import get_balance

    account = Account.objects.get(merchant_id="acct_bench", code="gateway_clearing")
    start = time.perf_counter()
    for _ in range(READS):
        get_balance(account)
    return (time.perf_counter() - start) / READS * 1000


def _measure_all(ledgers: list[str], entries: int) -> dict[tuple[str, int, int], Figures]:
    return {
        (ledger, legs, clients): _measure(ledger, legs, clients, entries)
        for ledger in ledgers
        for legs in LEG_COUNTS
        for clients in CLIENT_COUNTS
    }


def _measure(
    ledger: str, legs: int, clients: int, entries: int, python: str = sys.executable
) -> Figures:
    """Start the clients, let them go at once, and add up what they say."""
    command = [python, str(CLIENT), ledger, str(legs), str(entries)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )
        for _ in range(clients)
    ]
    for client in running:
        if client.stdout is None or client.stdout.readline() != "ready\n":
            raise SystemExit(f"a client of {ledger} did not start")
    for client in running:
        if client.stdin is not None:
            client.stdin.write("go\n")
            client.stdin.flush()
    said = [json.loads(client.communicate()[0]) for client in running]
    booked = sum(each["entries"] for each in said)
    figures = Figures(
        per_second=booked / max(each["seconds"] for each in said),
        client_ms=sum(each["client_seconds"] for each in said) / booked * 1000,
        server_ms=sum(each["server_seconds"] for each in said) / booked * 1000,
    )
    _say_figures(f"{ledger}, {legs} legs, {clients} clients", figures)
    return figures


def _measure_floor(url: str) -> Figures | None:
    server = postmaster_pid(url)
    clients = CLIENT_COUNTS[-1]
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "floor.sql"
        script.write_text(FLOOR)
        used, pgbench_used = cpu_seconds([server]), _seconds_of_children()
        per_second = run_pgbench(url, script, clients=clients, seconds=FLOOR_SECONDS)
    if per_second is None:
        say("pgbench: not found, no floor")
        return None
    entries = per_second * FLOOR_SECONDS
    figures = Figures(
        per_second=per_second,
        client_ms=(_seconds_of_children() - pgbench_used) / entries * 1000,
        server_ms=(cpu_seconds([server]) - used) / entries * 1000,
    )
    _say_figures(f"pgbench, 4 legs, {clients} clients", figures)
    return figures


def _seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _measure_peers(options: argparse.Namespace) -> dict[str, dict[int, Figures]]:
    """Install each peer into an environment of its own and measure it on a fresh database."""
    measured = {}
    for peer, (requirement, _) in PEERS.items():
        with tempfile.TemporaryDirectory() as folder:
            python = _install(Path(folder), requirement)
            if python is None:
                say(f"{peer}: {requirement} cannot be installed, not measured")
                continue
            with _database(options.server):
                os.environ["BENCH_DATABASE"] = DATABASE
                subprocess.run([python, str(CLIENT), peer, "migrate", "0"], check=True)
                measured[peer] = {
                    clients: _measure(peer, 4, clients, max(options.entries // 4, 50), python)
                    for clients in CLIENT_COUNTS
                }
    return measured


def _install(folder: Path, requirement: str) -> str | None:
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", requirement, "psycopg[binary]"],
        check=False,
        capture_output=True,
    )
    return python if done.returncode == 0 else None


def _say_figures(name: str, figures: Figures) -> None:
    say(
        f"{name:36}{figures.per_second:10.0f}{figures.client_ms:11.3f}"
        f"{figures.server_ms:11.3f}{figures.total_ms:9.3f}"
    )


def _say_ratios(
    ours: dict[tuple[str, int, int], Figures],
    floor: Figures | None,
    peers: dict[str, dict[int, Figures]],
) -> None:
    say("")
    busy = CLIENT_COUNTS[-1]
    single = ours["ours", 4, busy]
    for peer, by_clients in peers.items():
        for clients, figures in by_clients.items():
            share = ours["ours", 4, clients].total_ms / figures.total_ms
            _say_ratio(f"CPU of {peer}, {clients} clients", share, PEERS[peer][1])
    if floor is not None:
        _say_ratio("CPU of pgbench", single.total_ms / floor.total_ms, FLOOR_FACTOR)
    hot = single.per_second / ours["ours_cold", 4, busy].per_second
    say(f"entries/s on hot accounts against cold: x{hot:.2f} (at least {HOT_SHARE:.2f})")
    faster = ours["ours_batch", 4, busy].per_second / single.per_second
    say(f"entries/s of a batch against single: x{faster:.1f} (at least {BATCH_FACTOR:.0f})")


def _say_growth(
    young: dict[tuple[str, int, int], Figures], grown: dict[tuple[str, int, int], Figures]
) -> None:
    for (ledger, legs, clients), before in young.items():
        after = grown[ledger, legs, clients].per_second
        say(
            f"entries/s with the history against without, {legs} legs, {clients} clients:"
            f" x{after / before.per_second:.2f}"
        )


def _say_ratio(name: str, ratio: float, most: float) -> None:
    say(f"{name}: x{ratio:.2f} (at most {most:.2f})")


if __name__ == "__main__":
    main()
