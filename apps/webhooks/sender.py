"""
The sender: takes due deliveries and posts them, many at once.

One slow endpoint delays no other: each has its own small share of what is under way, and a failing
one a smaller one yet. Rows are claimed with a lease of the database's clock, some of them ahead,
and outcomes are written many in one statement; what a dying process had in its hands is sent again
after its lease, so an event arrives at least once.
"""

import asyncio
import json
import logging
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from apps.common.dispatcher import Pauses
from apps.common.errors import ResourceMissing
from apps.common.origin import CLOCK, Scope
from apps.common.tracing import span
from apps.outbox.models import Event
from apps.webhooks import metrics
from apps.webhooks.models import Delivery, WebhookEndpoint
from apps.webhooks.objects import render_message
from apps.webhooks.policies import (
    CONCURRENCY,
    CONCURRENCY_WHILE_FAILING,
    DISABLE_AFTER,
    delivery_wait_after,
)
from apps.webhooks.services.endpoints import disable_endpoint
from apps.webhooks.signing import sign
from apps.webhooks.states import DeliveryStatus
from apps.webhooks.transport import TOTAL_SECONDS, Answer, Transport, open_transport

logger = logging.getLogger(__name__)
T = TypeVar("T")

MAX_CLAIMED = 1024
POLL_SECONDS = 0.1
# Outcomes wait this long for others, to be written together; so do free places, to be filled.
SETTLE_SECONDS = 0.02
GATHER_SECONDS = 0.005
# So much as an endpoint may have under way is also claimed ahead, so that none of its places
# waits for the database.
CLAIMED_AHEAD = 2
# Enough for those before it and its own try with all its time-outs, and for writing its outcome.
LEASE_SECONDS = (CLAIMED_AHEAD + 1) * TOTAL_SECONDS
THREADS = 2
GONE = 410
MAX_KEPT_ANSWER = 1000
MAX_MESSAGES_KEPT = 1024

# The endpoints with something pending are found by hopping through the index from one to the
# next; of each, only as many rows are read as may be sent to it now. So a backlog of one endpoint
# costs the others nothing.
_CLAIM = """
WITH RECURSIVE waiting (endpoint_id) AS (
    (SELECT endpoint_id FROM webhooks_delivery
      WHERE status = 'pending' ORDER BY endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT next.endpoint_id FROM webhooks_delivery next
             WHERE next.status = 'pending' AND next.endpoint_id > waiting.endpoint_id
             ORDER BY next.endpoint_id LIMIT 1)
      FROM waiting WHERE waiting.endpoint_id IS NOT NULL
), due AS (
    SELECT delivery.id
      FROM waiting
      JOIN webhooks_webhookendpoint endpoint
        ON endpoint.id = waiting.endpoint_id AND endpoint.status = 'enabled'
     CROSS JOIN LATERAL (
           SELECT candidate.id FROM webhooks_delivery candidate
            WHERE candidate.endpoint_id = endpoint.id AND candidate.status = 'pending'
              AND candidate.next_attempt_at <= statement_timestamp()
              AND (candidate.leased_until IS NULL
                   OR candidate.leased_until < statement_timestamp())
            ORDER BY candidate.next_attempt_at, candidate.id
            LIMIT greatest(0, CASE WHEN endpoint.failing_since IS NULL THEN %(share)s
                                   ELSE %(failing_share)s END
                              - coalesce((%(claimed)s::jsonb->>endpoint.id)::integer, 0))
              FOR UPDATE SKIP LOCKED) delivery
     LIMIT %(limit)s)
UPDATE webhooks_delivery
   SET leased_until = statement_timestamp() + make_interval(secs => %(lease)s),
       attempts = attempts + 1
 WHERE id = ANY (ARRAY(SELECT id FROM due))
RETURNING id, event_id, endpoint_id, status, attempts, scheduled_at, leased_until
"""

_SETTLE = """
WITH outcome AS (
    SELECT * FROM jsonb_to_recordset(%(outcomes)s::jsonb)
        AS outcome (id text, leased_until timestamptz, status text, wait double precision,
                    number integer, attempted_at timestamptz, duration_ms integer,
                    status_code integer, error text, answer text)
), settled AS (
    UPDATE webhooks_delivery delivery
       SET status = outcome.status, leased_until = NULL,
           next_attempt_at = statement_timestamp() + make_interval(secs => outcome.wait),
           last_status_code = outcome.status_code, last_error = outcome.error,
           finished_at = CASE WHEN outcome.status <> 'pending' THEN statement_timestamp() END
      FROM outcome
     WHERE delivery.id = outcome.id AND delivery.leased_until = outcome.leased_until
       AND delivery.status = 'pending'
    RETURNING delivery.id
), health AS (
    -- An endpoint that works, and one known to fail, are not written each time.
    UPDATE webhooks_webhookendpoint
       SET failing_since = CASE WHEN id = ANY (%(well)s) THEN NULL ELSE %(now)s END
     WHERE (id = ANY (%(well)s) AND failing_since IS NOT NULL)
        OR (id = ANY (%(ill)s) AND failing_since IS NULL)
)
INSERT INTO webhooks_deliveryattempt (delivery_id, number, attempted_at, duration_ms, status_code,
                                      error, answer)
SELECT id, number, attempted_at, duration_ms, status_code, error, answer
  FROM outcome JOIN settled USING (id)
"""


@dataclass(frozen=True, slots=True)
class Job:
    """A delivery in our hands, with everything that its sending needs."""

    delivery: Delivery
    endpoint: WebhookEndpoint
    body: bytes
    request_id: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try; `row` is how it is written, however often that has to be tried."""

    job: Job
    answer: Answer
    attempted_at: datetime
    row: dict[str, Any]


async def run(stop: asyncio.Event) -> None:
    """Send what is due until told to stop; what is under way then is finished."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="deliver") as threads:
        async with open_transport() as transport:
            await _Sender(transport, threads).run(stop)


def send_due(*, now: datetime) -> int:  # noqa: ARG001 - the queue goes by the database's clock
    """Send one batch of what is due; for the clock's backstop."""
    jobs = claim({}, CONCURRENCY)

    async def send_all() -> list[Outcome]:
        async with open_transport() as transport:
            return list(await asyncio.gather(*(_send(transport, job) for job in jobs)))

    if jobs:
        settle(asyncio.run(send_all()))
    return len(jobs)


class _Sender:
    """
    Keeps a queue per endpoint, and up to its share of lanes that empty it side by side.

    What is claimed counts until it is delivered, wherever it waits.
    """

    def __init__(self, transport: Transport, threads: ThreadPoolExecutor) -> None:
        self._transport = transport
        self._threads = threads
        self._claimed: Counter[str] = Counter()
        self._queues: defaultdict[str, deque[Job]] = defaultdict(deque)
        self._lanes: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._outcomes: list[Outcome] = []
        self._has_outcome = asyncio.Event()
        self._has_room = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        settling = asyncio.create_task(self._settle_forever())
        try:
            await self._claim_until(stop)
            await self._give_back()
            if self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            settling.cancel()
            await asyncio.gather(settling, return_exceptions=True)
            if self._outcomes:
                await self._in_thread(partial(settle, self._outcomes))

    async def _claim_until(self, stop: asyncio.Event) -> None:
        pauses = Pauses()
        while not stop.is_set():
            self._has_room.clear()
            room = MAX_CLAIMED - self._claimed.total()
            if not room:
                await self._wait(POLL_SECONDS)
                continue
            try:
                jobs = await self._in_thread(partial(claim, dict(self._claimed), room))
            except Exception:  # the database is away: what is under way goes on
                logger.exception("deliveries could not be claimed")
                await asyncio.sleep(pauses.after_trouble())
                continue
            pauses.reset()
            for job in jobs:
                self._take(job)
            await self._wait(POLL_SECONDS)
            await asyncio.sleep(GATHER_SECONDS)

    async def _give_back(self) -> None:
        """Leave to others what has not begun."""
        waiting = [job.delivery.id for queue in self._queues.values() for job in queue]
        for queue in self._queues.values():
            queue.clear()
        if waiting:
            await self._in_thread(partial(give_back, waiting))

    def _take(self, job: Job) -> None:
        endpoint = job.endpoint
        self._claimed[endpoint.id] += 1
        self._queues[endpoint.id].append(job)
        share = CONCURRENCY if endpoint.failing_since is None else CONCURRENCY_WHILE_FAILING
        if self._lanes[endpoint.id] < share:
            self._lanes[endpoint.id] += 1
            task = asyncio.create_task(self._deliver_all(endpoint.id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver_all(self, endpoint_id: str) -> None:
        """Send to an endpoint one after the other until its queue is empty."""
        queue = self._queues[endpoint_id]
        try:
            while queue:
                outcome = await _send(self._transport, queue.popleft())
                self._outcomes.append(outcome)
                self._has_outcome.set()
                if outcome.answer.status_code == GONE:
                    # It is disabled with this outcome, and what waits for it is canceled.
                    queue.clear()
                # Its place is free at once: the lease keeps the row until its outcome is written.
                self._claimed[endpoint_id] -= 1
                self._has_room.set()
        finally:
            self._lanes[endpoint_id] -= 1
            if not self._lanes[endpoint_id]:
                self._forget(endpoint_id)

    def _forget(self, endpoint_id: str) -> None:
        """Keep no room for an endpoint that has nothing to be sent."""
        for kept in (self._lanes, self._claimed, self._queues):
            kept.pop(endpoint_id, None)

    async def _settle_forever(self) -> None:
        pauses = Pauses()
        while True:
            await self._has_outcome.wait()
            await asyncio.sleep(SETTLE_SECONDS)
            self._has_outcome.clear()
            batch = self._outcomes[:]
            try:
                await self._in_thread(partial(settle, batch))
            except Exception:  # the database is away: written once it is back
                logger.exception("outcomes of deliveries could not be written")
                self._has_outcome.set()
                await asyncio.sleep(pauses.after_trouble())
                continue
            pauses.reset()
            del self._outcomes[: len(batch)]

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._has_room.wait(), timeout=seconds)
        except TimeoutError:
            return

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, partial(_with_connection, work)
        )


def claim(claimed: dict[str, int], limit: int) -> list[Job]:
    """Take up to `limit` due deliveries, of each endpoint no more than it may have claimed."""
    params = {
        "share": CLAIMED_AHEAD * CONCURRENCY,
        "failing_share": CONCURRENCY_WHILE_FAILING,
        "claimed": json.dumps(claimed),
        "limit": limit,
        "lease": LEASE_SECONDS,
    }
    deliveries = list(Delivery.objects.raw(_CLAIM, params))
    if not deliveries:
        return []
    deliveries.sort(key=lambda delivery: delivery.id)
    endpoints = WebhookEndpoint.objects.in_bulk({row.endpoint_id for row in deliveries})
    messages = _messages.of([(row.event_id, endpoints[row.endpoint_id]) for row in deliveries])
    return [
        Job(delivery, endpoints[delivery.endpoint_id], body, request_id)
        for delivery, (body, request_id) in zip(deliveries, messages, strict=True)
    ]


class _Messages:
    """Bodies of late: the endpoints of a merchant get the same event, but hardly at once."""

    def __init__(self) -> None:
        self._rendered: OrderedDict[tuple[str, str, str], tuple[bytes, str]] = OrderedDict()

    def of(self, wanted: list[tuple[str, WebhookEndpoint]]) -> list[tuple[bytes, str]]:
        """Return the body and the request of each event for its endpoint; events never change."""
        keys = [(event, endpoint.dialect, endpoint.api_version) for event, endpoint in wanted]
        missing = {key for key in keys if key not in self._rendered}
        if missing:
            events = Event.objects.defer("data").in_bulk({key[0] for key in missing})
            for key in missing:
                event_id, dialect, api_version = key
                event = events[event_id]
                body = render_message(event, dialect=dialect, api_version=api_version)
                self._rendered[key] = body, event.request_id
        found = [self._rendered[key] for key in keys]
        while len(self._rendered) > MAX_MESSAGES_KEPT:
            self._rendered.popitem(last=False)
        return found


_messages = _Messages()


def give_back(delivery_ids: list[str]) -> None:
    """Leave claimed deliveries that nobody began to send to the next claim."""
    Delivery.objects.filter(pk__in=delivery_ids, status=DeliveryStatus.PENDING).update(
        leased_until=None, attempts=F("attempts") - 1
    )


def settle(outcomes: list[Outcome]) -> None:
    """Write what came of the tries, and what it says about their endpoints."""
    rows = [outcome.row for outcome in outcomes]
    well = {o.job.endpoint.id for o in outcomes if o.answer.is_success}
    ill = {o.job.endpoint.id for o in outcomes} - well
    written = json.dumps(rows, default=str)
    with connection.cursor() as cursor:
        cursor.execute(
            _SETTLE,
            {"outcomes": written, "well": list(well), "ill": list(ill), "now": timezone.now()},
        )
    for outcome in outcomes:
        metrics.count_outbound(succeeded=outcome.answer.is_success)
    _disable_lost_endpoints(outcomes, well)


async def _send(transport: Transport, job: Job) -> Outcome:
    """Try once; whatever hinders this delivery counts as its failure, and hinders no other."""
    now = timezone.now()
    try:
        answer = await _post(transport, job, now=now)
    except Exception as error:
        logger.exception("delivery %s could not be sent", job.delivery.id)
        answer = Answer(status_code=None, error=repr(error), body=b"", duration_ms=0)
    return Outcome(job, answer, now, _outcome_row(job.delivery, answer, attempted_at=now))


async def _post(transport: Transport, job: Job, *, now: datetime) -> Answer:
    endpoint = job.endpoint
    headers = sign(
        job.body,
        message_id=job.delivery.event_id,
        timestamp=int(now.timestamp()),
        secrets=endpoint.secrets_at(now),
    )
    with span(
        "deliver webhook",
        request_id=job.request_id,
        event=job.delivery.event_id,
        endpoint=endpoint.id,
    ):
        return await transport.post(
            endpoint.url,
            body=job.body,
            headers=headers,
            allow_loopback=settings.WEBHOOKS_ALLOW_LOOPBACK and not endpoint.livemode,
        )


def _outcome_row(delivery: Delivery, answer: Answer, *, attempted_at: datetime) -> dict[str, Any]:
    wait = _step(delivery, answer, age=attempted_at - delivery.scheduled_at)
    return {
        "id": delivery.id,
        "leased_until": delivery.leased_until,
        "status": delivery.status,
        "wait": wait.total_seconds(),
        "number": delivery.attempts,
        "attempted_at": attempted_at,
        "duration_ms": answer.duration_ms,
        "status_code": answer.status_code,
        "error": answer.error.replace("\x00", ""),
        "answer": answer.body.decode(errors="replace")[:MAX_KEPT_ANSWER].replace("\x00", ""),
    }


def _step(delivery: Delivery, answer: Answer, *, age: timedelta) -> timedelta:
    """Move the delivery on and return how long it waits; one that is finished does not."""
    if answer.is_success:
        delivery.succeed()
        return timedelta()
    wait = delivery_wait_after(delivery.attempts, age=age)
    if wait is None:
        delivery.fail()
    return wait or timedelta()


def _disable_lost_endpoints(outcomes: list[Outcome], well: set[str]) -> None:
    """Disable those that say they are gone, or have failed for days."""
    reasons: dict[str, tuple[WebhookEndpoint, str]] = {}
    for outcome in outcomes:
        endpoint, answer = outcome.job.endpoint, outcome.answer
        if answer.status_code == GONE:
            reasons[endpoint.id] = (endpoint, "gone")
        elif endpoint.id not in well and _has_failed_for_days(endpoint, outcome.attempted_at):
            reasons.setdefault(endpoint.id, (endpoint, "failing"))
    for endpoint, reason in reasons.values():
        # Its owner may have deleted it meanwhile.
        with suppress(ResourceMissing):
            disable_endpoint(
                scope=Scope(endpoint.merchant_id, endpoint.livemode),
                endpoint_id=endpoint.id,
                reason=reason,
                origin=CLOCK,
                now=timezone.now(),
            )


def _has_failed_for_days(endpoint: WebhookEndpoint, now: datetime) -> bool:
    return endpoint.failing_since is not None and now - endpoint.failing_since > DISABLE_AFTER


def _with_connection(work: Callable[[], T]) -> T:
    try:
        return work()
    finally:
        # Back to the pool; and a connection that broke is replaced by a new one.
        connection.close()
