"""
Sends webhooks at least once: signed, retried with back-off, in no promised order.

What is waiting stands in one heap by its time; a pump takes out what is due and sends it, a
bounded number at a time.
"""

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from simulator.faults import WEBHOOK_KINDS, Facts, Fault, FaultKind, Faults
from simulator.settings import Settings

_MAX_SENDING = 32
_ANSWER_SECONDS = 10.0
# A receiver that is down for so long has other worries.
_MAX_AGE_SECONDS = 3600.0
_FIRST_RETRY_SECONDS = 0.2
_MAX_RETRY_SECONDS = 60.0
# From here on the back-off has reached its maximum, and its power would only grow.
_MAX_DOUBLINGS = 10
# A receiver that is down for long must not fill the memory.
MAX_WAITING = 50_000
_MAX_REMEMBERED = 2_000
_EARLY_SECONDS = 5.0
_FLUSH_LOOK_SECONDS = 0.03


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """
    One event, ready to be sent to everyone who listens to its PSP.

    `acknowledgement` is what a receiver must answer for the event to count as received.
    """

    id: str
    psp: str
    type: str
    body: bytes
    references: tuple[str, ...] = ()
    acknowledgement: bytes = b""

    @property
    def facts(self) -> Facts:
        return {"event": (self.type,), "reference": self.references}


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """A webhook ready to leave; the signature stands in a header or inside the body."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


# Signs a body with a secret, which proves where the body comes from.
Signer = Callable[[str, bytes], Signed]


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A receiver; an empty `types` means it wants every event."""

    psp: str
    url: str
    secret: str = field(repr=False)
    types: frozenset[str] = frozenset()

    def wants(self, notice: Notice) -> bool:
        """Return whether the event belongs here."""
        return notice.psp == self.psp and (not self.types or notice.type in self.types)


@dataclass(kw_only=True, slots=True)
class Delivery:
    """One event on its way to one endpoint. `outcome` is waiting, sent, dropped or given_up."""

    notice: Notice
    endpoint: Endpoint
    give_up_at: float
    is_badly_signed: bool = False
    attempts: int = 0
    last_status: int = 0
    outcome: str = "waiting"
    done: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def finish(self, outcome: str) -> None:
        """Note how it ended."""
        self.outcome = outcome
        self.done.set()

    def describe(self) -> dict[str, Any]:
        """Return what `/_sim/webhooks` shows."""
        return {
            "event": self.notice.id,
            "type": self.notice.type,
            "psp": self.notice.psp,
            "url": self.endpoint.url,
            "attempts": self.attempts,
            "status": self.last_status,
            "outcome": self.outcome,
        }


class Webhooks:
    """All deliveries of all PSPs."""

    def __init__(
        self, *, faults: Faults, settings: Settings, signers: Mapping[str, Signer]
    ) -> None:
        self.endpoints: list[Endpoint] = []
        self._faults = faults
        self._settings = settings
        self._signers = signers
        self._heap: list[tuple[float, int, Delivery]] = []
        self._order = itertools.count()
        self._sending: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._recent: deque[Delivery] = deque(maxlen=_MAX_REMEMBERED)

    @property
    def pending(self) -> int:
        """Return how many deliveries are waiting or being sent."""
        return len(self._heap) + len(self._sending)

    def send(self, notices: Sequence[Notice]) -> list[Delivery]:
        """Put the events of one call on their way, and let the webhook faults strike."""
        wanted = [
            (notice, endpoint)
            for notice in notices
            for endpoint in self.endpoints
            if endpoint.wants(notice)
        ]
        # A fault strikes an event once, however many listen to it.
        struck = {notice.id: notice for notice, _endpoint in wanted}
        plans = {name: self._strike(notice) for name, notice in struck.items()}
        deliveries: list[Delivery] = []
        for notice, endpoint in wanted:
            deliveries += self._enqueue(notice, endpoint, plans[notice.id], len(deliveries))
        held_back = [each for each in deliveries if _is_reordered(plans[each.notice.id])]
        self._reverse(held_back, plans)
        return deliveries

    async def send_now(self, deliveries: Sequence[Delivery]) -> None:
        """Deliver these before anything else happens; gives up waiting after some seconds."""
        self._hasten()
        waits = [asyncio.ensure_future(each.done.wait()) for each in deliveries]
        if waits:
            _done, late = await asyncio.wait(waits, timeout=_EARLY_SECONDS)
            for wait in late:
                wait.cancel()

    async def flush(self, *, timeout_seconds: float) -> int:
        """Send everything that waits, retries too; return what is still pending at the end."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        while self.pending and loop.time() < deadline:
            self._hasten()
            await asyncio.sleep(_FLUSH_LOOK_SECONDS)
        return self.pending

    def recent(self) -> list[Delivery]:
        """Return the latest deliveries, oldest first."""
        return list(self._recent)

    def clear(self) -> None:
        """Forget what waits; what is being sent right now still arrives."""
        self._heap.clear()
        self._recent.clear()

    async def pump(self) -> None:
        """Send what falls due, until cancelled."""
        connector = aiohttp.TCPConnector(limit=_MAX_SENDING)
        limit = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=limit) as session:
            try:
                while True:
                    await self._wait_until_due()
                    self._start_due(session)
            finally:
                for task in self._sending:
                    task.cancel()

    def _strike(self, notice: Notice) -> dict[FaultKind, Fault]:
        struck = self._faults.strike(notice.psp, WEBHOOK_KINDS, notice.facts)
        return {fault.kind: fault for fault in struck}

    def _enqueue(
        self, notice: Notice, endpoint: Endpoint, plan: Mapping[FaultKind, Fault], ahead: int
    ) -> list[Delivery]:
        give_up_at = asyncio.get_running_loop().time() + _MAX_AGE_SECONDS
        copies = 2 if FaultKind.DUPLICATE_WEBHOOK in plan else 1
        deliveries = [
            Delivery(
                notice=notice,
                endpoint=endpoint,
                give_up_at=give_up_at,
                is_badly_signed=FaultKind.BAD_SIGNATURE in plan,
            )
            for _ in range(copies)
        ]
        for delivery in deliveries:
            self._recent.append(delivery)
            if FaultKind.DROP_WEBHOOK in plan or len(self._heap) + ahead >= MAX_WAITING:
                delivery.finish("dropped")
            elif not _is_reordered(plan):
                self._wait(delivery, self._settings.webhook_delay)
        return [delivery for delivery in deliveries if delivery.outcome == "waiting"]

    def _reverse(
        self, deliveries: Sequence[Delivery], plans: Mapping[str, Mapping[FaultKind, Fault]]
    ) -> None:
        for place, delivery in enumerate(reversed(deliveries), start=1):
            gap = plans[delivery.notice.id][FaultKind.REORDER_WEBHOOKS].seconds
            self._wait(delivery, self._settings.webhook_delay + place * gap)

    def _wait(self, delivery: Delivery, seconds: float) -> None:
        due_at = asyncio.get_running_loop().time() + seconds
        heapq.heappush(self._heap, (due_at, next(self._order), delivery))
        self._woken.set()

    def _hasten(self) -> None:
        self._heap = [(0.0, order, delivery) for _due_at, order, delivery in self._heap]
        heapq.heapify(self._heap)
        self._woken.set()

    async def _wait_until_due(self) -> None:
        while True:
            self._woken.clear()
            seconds = self._seconds_left()
            if seconds is not None and seconds <= 0:
                return
            try:
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
            except TimeoutError:
                return

    def _seconds_left(self) -> float | None:
        if not self._heap or len(self._sending) >= _MAX_SENDING:
            return None
        return self._heap[0][0] - asyncio.get_running_loop().time()

    def _start_due(self, session: aiohttp.ClientSession) -> None:
        now = asyncio.get_running_loop().time()
        while self._heap and self._heap[0][0] <= now and len(self._sending) < _MAX_SENDING:
            _due_at, _order, delivery = heapq.heappop(self._heap)
            task = asyncio.create_task(self._deliver(session, delivery))
            self._sending.add(task)
            task.add_done_callback(self._on_sent)

    def _on_sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._woken.set()

    async def _deliver(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        delivery.attempts += 1
        delivery.last_status = await self._post(session, delivery)
        if 200 <= delivery.last_status < 300:  # noqa: PLR2004 - any 2xx is a success
            delivery.finish("sent")
        elif asyncio.get_running_loop().time() > delivery.give_up_at:
            delivery.finish("given_up")
        else:
            self._wait(delivery, _retry_seconds(delivery.attempts))

    async def _post(self, session: aiohttp.ClientSession, delivery: Delivery) -> int:
        """Return the answer's status, 0 when none came or it acknowledges nothing."""
        sign = self._signers[delivery.notice.psp]
        secret = delivery.endpoint.secret
        signed = sign(f"not {secret}" if delivery.is_badly_signed else secret, delivery.notice.body)
        try:
            async with session.post(
                delivery.endpoint.url,
                data=signed.body,
                headers={"Content-Type": "application/json; charset=utf-8", **signed.headers},
                allow_redirects=False,
            ) as answer:
                said = await answer.read()
                is_taken = said.strip().startswith(delivery.notice.acknowledgement)
                return answer.status if is_taken else 0
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return 0


def _is_reordered(plan: Mapping[FaultKind, Fault]) -> bool:
    return FaultKind.REORDER_WEBHOOKS in plan


def _retry_seconds(attempts: int) -> float:
    doublings = min(attempts - 1, _MAX_DOUBLINGS)
    return min(_FIRST_RETRY_SECONDS * (1 << doublings), _MAX_RETRY_SECONDS)
