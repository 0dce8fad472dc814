"""
How many calls a second the PSP simulator carries on one core, with latency injected.

    python -m benchmarks.simulator [--seconds 8] [--latency-ms 300] [--callers 300]

Payments are created and confirmed by many callers at once; the simulator is pinned to one core
where the system can do that. What its process used of that core is printed beside the rate.
"""

import argparse
import asyncio
import itertools
import os
import sys
import time
from pathlib import Path

import aiohttp

from simulator.testing import RunningSimulator

_FORM = {
    "amount": "1000",
    "currency": "eur",
    "confirm": "true",
    "payment_method": "pm_card_visa",
    "expand[0]": "latest_charge.balance_transaction",
    "expand[1]": "payment_method",
}


async def call_for(url: str, *, seconds: float, callers: int) -> int:
    """Return how many payments succeeded in that time."""
    numbers = itertools.count()
    deadline = time.monotonic() + seconds
    connector = aiohttp.TCPConnector(limit=callers)
    headers = {"Authorization": "Bearer sk_test_simulator"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def keep_paying() -> int:
            paid = 0
            while time.monotonic() < deadline:
                attempt = f"att_{next(numbers)}"
                async with session.post(
                    f"{url}/v1/payment_intents",
                    data={**_FORM, "metadata[intent]": attempt, "metadata[attempt]": attempt},
                    headers={"Idempotency-Key": attempt},
                ) as answer:
                    await answer.read()
                    paid += answer.ok
            return paid

        return sum(await asyncio.gather(*(keep_paying() for _ in range(callers))))


def main() -> None:
    """Measure once and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--latency-ms", type=int, default=300)
    parser.add_argument("--callers", type=int, default=300)
    options = parser.parse_args()
    with RunningSimulator() as simulator:
        if options.latency_ms:
            simulator.fault("latency", ms=options.latency_ms)
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(simulator.pid, {0})
        cpu_before, started = _cpu_seconds(simulator.pid), time.monotonic()
        paid = asyncio.run(
            call_for(simulator.psp_url, seconds=options.seconds, callers=options.callers)
        )
        elapsed = time.monotonic() - started
        cpu = _cpu_seconds(simulator.pid) - cpu_before
        booked = len(simulator.charges())
    sys.stdout.write(
        f"{paid} payments in {elapsed:.1f} s: {paid / elapsed:.0f} calls/s at "
        f"{options.latency_ms} ms latency, {1000 * cpu / paid:.2f} ms of CPU each "
        f"({100 * cpu / elapsed:.0f} % of one core), {booked} charges booked\n"
    )


def _cpu_seconds(pid: int) -> float:
    """Return what the process used so far, from Linux's process table."""
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    user_ticks, system_ticks = int(after_name[11]), int(after_name[12])
    return (user_ticks + system_ticks) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
