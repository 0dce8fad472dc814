"""
How fast a client is answered while the preferred gateway is down.

    bin/with-servers .venv/bin/python -m benchmarks.failover [--payments 200] [--clients 50]

For each fault 200 payments (create + confirm in one call) from 50 clients at once: p50, p99 and
slowest answer, how the payments stood in the answer, and after healing whether the played
gateways' books keep one charge per payment. Aim: p99 under 5 s.
"""

import argparse
import asyncio
import json
import os
import sys
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from benchmarks.measure import percentile
from benchmarks.payments import AMOUNT, WEB_THREADS, WEB_WORKERS, prepare
from tests.live.running import RunningWeb

LIMIT_SECONDS = 5.0
# A lost outcome is settled by the first looks of the sweeper; see apps/payments/policies.py.
_SETTLE_SECONDS = 60.0
_ADYEN_SECRET = "0123456789abcdef" * 4
_STRIPE_SECRET = "whsec_benchmark"

FAULTS: Mapping[str, Mapping[str, Any]] = {
    "refusing": {"kind": "refuse"},
    "hanging": {"kind": "timeout_before", "ms": 30_000},
    "answering 500": {"kind": "http_500"},
}


@dataclass
class Run:
    """What the payments under one fault were answered."""

    name: str
    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    intents: list[str] = field(default_factory=list)

    def show(self, *, kept: Mapping[int, int], left: int) -> bool:
        """Print the run; return whether it kept what is promised."""
        ordered = sorted(self.seconds)
        p50, p99 = percentile(ordered, 0.5), percentile(ordered, 0.99)
        is_good = p99 < LIMIT_SECONDS and not left and set(kept) == {1}
        print(
            f"{self.name:<16} {len(ordered)} payments  p50 {p50:.2f} s  p99 {p99:.2f} s"
            f"  slowest {ordered[-1]:.2f} s  answered {dict(self.statuses)}"
            f"  kept charges per payment {dict(kept)}  {'good' if is_good else 'NOT GOOD'}"
        )
        return is_good


async def pay_all(url: str, key: str, run: Run, *, payments: int, clients: int) -> None:
    """Let `clients` pay one payment after the other until there were `payments`."""
    todo = iter(range(payments))
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body = {"amount": AMOUNT, "currency": "eur", "confirm": True, "payment_method": "tok_visa"}
    connector = aiohttp.TCPConnector(limit=clients)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def client() -> None:
            for _ in todo:
                begin = time.monotonic()
                async with session.post(
                    f"{url}/v1/payment_intents",
                    data=json.dumps(body),
                    headers={**headers, "Idempotency-Key": str(uuid.uuid4())},
                ) as answer:
                    shown = await answer.json()
                run.seconds.append(time.monotonic() - begin)
                run.statuses[str(shown.get("status", answer.status))] += 1
                if "id" in shown:
                    run.intents.append(shown["id"])

        await asyncio.gather(*(client() for _ in range(clients)))


def count_kept(simulator: Any, run: Run) -> Counter[int]:
    """Return how many payments have how many charges that were not given back."""
    kept = Counter(dict.fromkeys(run.intents, 0))
    for charge in simulator.charges():
        if charge["captured"] and charge["amount"] > charge["refunded"]:
            kept[charge["reference"]] += 1
    return Counter(kept[each] for each in run.intents)


def settle(run: Run) -> int:
    """Sweep until no payment is open any more; return how many are left."""
    from django.utils import timezone

    from apps.payments.models import PaymentIntent
    from apps.payments.services.sweeps import sweep_attempts

    end = time.monotonic() + _SETTLE_SECONDS
    processing = PaymentIntent.objects.filter(pk__in=run.intents, status="processing")
    while processing.exists() and time.monotonic() < end:
        sweep_attempts(now=timezone.now())
        time.sleep(0.2)
    return processing.count()


def variables(simulator: Any) -> dict[str, str]:
    """Return the settings of both gateways: the first has the port that a fault closes."""
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings.local",
        "GATEWAYS": "stripe_main,adyen_main",
        "TOKENISER_GATEWAYS": "stripe_main,adyen_main",
        "GATEWAYS_STRIPE_MAIN_API_BASE": simulator.psp_url,
        "GATEWAYS_STRIPE_MAIN_API_KEY": "sk_test_simulator",
        "GATEWAYS_STRIPE_MAIN_WEBHOOK_SECRET": _STRIPE_SECRET,
        "GATEWAYS_ADYEN_MAIN_API_BASE": simulator.url,
        "GATEWAYS_ADYEN_MAIN_API_KEY": "adyen_test_simulator",
        "GATEWAYS_ADYEN_MAIN_MERCHANT_ACCOUNT": "DevelopmentMerchant",
        "GATEWAYS_ADYEN_MAIN_WEBHOOK_SECRET": _ADYEN_SECRET,
        "RATE_LIMIT_ENABLED": "false",
    }


def measure(simulator: Any, key: str, options: argparse.Namespace) -> bool:
    """Run each fault on a fresh web server, so that no circuit is open yet."""
    is_good = True
    for name, fault in FAULTS.items():
        run = Run(name)
        with RunningWeb(variables(simulator), workers=WEB_WORKERS, threads=WEB_THREADS) as web:
            warm_up = Run("warm-up")
            asyncio.run(pay_all(web.url, key, warm_up, payments=20, clients=10))
            simulator.fault(**fault)
            asyncio.run(
                pay_all(web.url, key, run, payments=options.payments, clients=options.clients)
            )
        simulator.heal()
        left = settle(run)
        is_good &= run.show(kept=count_kept(simulator, run), left=left)
        forget_faults()
    return is_good


def forget_faults() -> None:
    """Close the circuits and forget the success rates that all processes share."""
    import redis
    from django.conf import settings

    memory = redis.Redis.from_url(settings.REDIS_URL)
    for pattern in ("circuit:*", "gateway_outcomes*"):
        for name in memory.scan_iter(pattern):
            memory.delete(name)


def main() -> None:
    """Start everything, measure, stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=200)
    parser.add_argument("--clients", type=int, default=50)
    options = parser.parse_args()
    os.environ.get("DATABASE_URL") or sys.exit("run it with bin/with-servers")
    from simulator.testing import RunningSimulator

    with RunningSimulator() as simulator:
        # The sweeper of this process charges at the same gateways.
        os.environ.update(variables(simulator))
        key = prepare()
        forget_faults()
        is_good = measure(simulator, key, options)
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()
