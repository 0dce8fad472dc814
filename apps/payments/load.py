"""Pay over HTTP at a given rate, as many shops would, and tell how it went; for `loadtest`."""

import asyncio
import itertools
import json
import random
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

CURRENCY: Final = "eur"
CARD: Final = "pm_card_visa"
# Payments differ in their amount, so that none is taken for a duplicate of another.
AMOUNTS: Final = (1_000, 99_999)
REQUEST_SECONDS: Final = 15.0
# More at once than this means that the server has stopped answering.
MAX_CONNECTIONS: Final = 2_000
_SUCCEEDED: Final = "succeeded"


@dataclass(slots=True)
class Load:
    """What one run of payments came to; times in seconds."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    paid: list[str] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def begun(self) -> int:
        return len(self.latencies)

    @property
    def failed(self) -> int:
        return self.failures.total()

    @property
    def failed_share(self) -> float:
        """Return which share of the payments did not succeed, from 0 to 1."""
        return self.failed / self.begun if self.begun else 0.0

    def percentile(self, share: float) -> float:
        """Return the time within which this share of the payments was answered."""
        ordered = sorted(self.latencies) or [0.0]
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def pay_at_rate(*, url: str, keys: Sequence[str], rate: float, seconds: float) -> Load:
    """
    Start payments at random moments, `rate` a second on average, however slow the answers are.

    The keys take turns: each has its own rate limit.
    """
    load = Load()
    turns = itertools.cycle(keys)
    begun: set[asyncio.Task[None]] = set()
    connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS)
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    async with aiohttp.ClientSession(url, connector=connector, timeout=timeout) as session:
        start = time.monotonic()
        next_at = start
        while next_at < start + seconds:
            task = asyncio.create_task(_pay(session, next(turns), load))
            begun.add(task)
            task.add_done_callback(begun.discard)
            # From the planned moment and not from now: a late start is made up for.
            next_at += random.expovariate(rate)
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))
        await asyncio.gather(*begun)
        load.seconds = time.monotonic() - start
    return load


async def _pay(session: aiohttp.ClientSession, key: str, load: Load) -> None:
    wish = {
        "amount": random.randint(*AMOUNTS),  # noqa: S311 - no secret
        "currency": CURRENCY,
        "payment_method": CARD,
        "confirm": True,
    }
    begin = time.monotonic()
    try:
        shown = await _post(session, key, wish)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        load.failures[type(error).__name__] += 1
    else:
        if shown.get("status") == _SUCCEEDED:
            load.paid.append(shown["id"])
        else:
            load.failures[_why(shown)] += 1
    load.latencies.append(time.monotonic() - begin)


async def _post(session: aiohttp.ClientSession, key: str, wish: dict[str, Any]) -> dict[str, Any]:
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Idempotency-Key": str(uuid.uuid4()),
    }
    body = json.dumps(wish)
    async with session.post("/v1/payment_intents", data=body, headers=headers) as answer:
        shown: dict[str, Any] = json.loads(await answer.read())
        return shown


def _why(shown: dict[str, Any]) -> str:
    error = shown.get("error")
    return str(error["code"]) if error else f"status {shown.get('status')}"


async def list_charges(url: str, merchant_intents: frozenset[str]) -> Counter[str]:
    """Return how often the simulated gateway took money for each of these intents."""
    async with aiohttp.ClientSession(url) as session, session.get("/_sim/charges") as answer:
        answer.raise_for_status()
        charges = json.loads(await answer.read())["data"]
    return Counter(
        charge["reference"]
        for charge in charges
        if charge["status"] == _SUCCEEDED and charge["reference"] in merchant_intents
    )
