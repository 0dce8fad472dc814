"""
Webhooks in both directions, without a web server around them.

    bin/with-servers .venv/bin/python -m benchmarks.webhooks [--events 5000] [--calls 3000]
                                                             [--payments 200] [--seconds 10]

Outbound: events per second from the queue to a 2xx of two quick endpoints, while a third one
never answers; then the lag from the event to each 2xx at the pace of 200 payments/s, three events
each. Inbound: CPU per event of Stripe, from the WSGI call to the stored row. Everything
happens in a test database of its own, which is removed afterwards.
"""

import argparse
import asyncio
import hashlib
import hmac
import io
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import django

SECRET = "whsec_benchmark"
HANGING_SECONDS = 3600.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.05
BATCH = 100
EVENTS_PER_PAYMENT = 3
PUBLISH_EVERY_SECONDS = 0.05
# Of the quick endpoints: from the moment of the event to the end of the answer.
LAG = """
SELECT count(*),
       percentile_cont(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (ORDER BY 1000 * extract(epoch FROM
           attempt.attempted_at - event.created_at) + attempt.duration_ms)
  FROM webhooks_deliveryattempt attempt
  JOIN webhooks_delivery delivery ON delivery.id = attempt.delivery_id
  JOIN outbox_event event ON event.id = delivery.event_id
 WHERE delivery.endpoint_id = ANY (%s) AND delivery.status = 'succeeded'
"""


def main() -> None:
    """Run both measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--payments", type=int, default=200, help="per second, for the lag")
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    os.environ["WEBHOOKS_ALLOW_LOOPBACK"] = "true"
    os.environ["GATEWAYS_STRIPE_MAIN_API_KEY"] = "sk_test_benchmark"
    os.environ["GATEWAYS_STRIPE_MAIN_WEBHOOK_SECRET"] = SECRET
    django.setup()
    with _database():
        measure_outbound(options.events)
        measure_lag(options.payments * EVENTS_PER_PAYMENT, options.seconds)
        measure_inbound(options.calls)


def measure_outbound(count: int) -> None:
    """Relay and deliver `count` events to three endpoints, one of which hangs."""
    from apps.webhooks.models import Delivery

    with _receiver() as port:
        hooks = [_endpoint(f"http://127.0.0.1:{port}/{name}") for name in ("a", "b", "hang")]
        _publish(count)
        quick = Delivery.objects.filter(endpoint__in=hooks[:2], status="succeeded")
        started, cpu = time.perf_counter(), time.process_time()
        asyncio.run(_deliver(lambda: quick.count() >= 2 * count))
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        done, stuck = quick.count(), Delivery.objects.filter(endpoint=hooks[2]).count()
    print(
        f"outbound: {done} deliveries of {count} events to two endpoints in {seconds:.2f} s ="
        f" {count / seconds:.0f} events/s, {done / seconds:.0f} deliveries/s,"
        f" {cpu * 1000 / done:.2f} ms of CPU per delivery; {stuck} more wait for one that hangs"
    )


def measure_lag(rate: int, seconds: int) -> None:
    """Publish `rate` events a second and see how long each takes to arrive; one endpoint hangs."""
    from django.db import connection

    from apps.webhooks.models import Delivery, WebhookEndpoint

    # What still waits for the endpoint that hangs would be sent along.
    WebhookEndpoint.objects.update(status="disabled")
    with _receiver() as port:
        hooks = [_endpoint(f"http://127.0.0.1:{port}/{name}") for name in ("a", "b", "hang")]
        quick = [hook.id for hook in hooks[:2]]
        arrived = Delivery.objects.filter(endpoint_id__in=quick, status="succeeded")
        publisher = threading.Thread(target=_publish_at, args=(rate, seconds))
        publisher.start()
        asyncio.run(_deliver(lambda: arrived.count() >= 2 * rate * seconds))
        publisher.join()
        with connection.cursor() as cursor:
            cursor.execute(LAG, [quick])
            count, (middle, high, worst) = cursor.fetchone()
    print(
        f"lag: {count} of {2 * rate * seconds} deliveries at {rate} events/s, each to two"
        f" endpoints, while a third hangs: p50 {middle:.0f} ms, p99 {high:.0f} ms,"
        f" worst {worst:.0f} ms"
    )


def _publish_at(rate: int, seconds: int) -> None:
    from django.db import connection

    started, done = time.monotonic(), 0
    try:
        while done < rate * seconds:
            due = min(rate * seconds, int((time.monotonic() - started) * rate))
            if due > done:
                _publish(due - done, prefix=f"paced_{done}")
                done = due
            time.sleep(PUBLISH_EVERY_SECONDS)
    finally:
        connection.close()


def measure_inbound(count: int) -> None:
    """Receive `count` signed events of Stripe through the WSGI application."""
    from apps.webhooks.models import InboundEvent
    from config.wsgi import application

    requests = [_stripe_request(n) for n in range(count)]
    _call(application, _stripe_request(count))
    started, cpu = time.perf_counter(), time.process_time()
    statuses = {_call(application, request) for request in requests}
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    stored = InboundEvent.objects.count() - 1
    print(
        f"inbound: {stored} of {count} events stored, answers {', '.join(sorted(statuses))};"
        f" {cpu * 1000 / count:.2f} ms of CPU each, {count / seconds:.0f}/s in one thread"
    )


async def _deliver(is_done: Callable[[], bool]) -> None:
    from asgiref.sync import sync_to_async

    from apps.outbox.relay import relay_unhandled
    from apps.webhooks import sender

    stop = asyncio.Event()
    sending = asyncio.create_task(sender.run(stop))
    relay = sync_to_async(relay_unhandled)
    is_done_in_thread = sync_to_async(is_done)
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        if not await relay():
            if await is_done_in_thread():
                break
            await asyncio.sleep(POLL_SECONDS)
    # What hangs is not waited for.
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


def _publish(count: int, *, prefix: str = "burst") -> None:
    from django.utils import timezone

    from apps.outbox.services import EventDraft, publish

    now = timezone.now()
    # The size of a payment intent as the API shows it.
    body = {"object": "payment_intent", "amount": 1050, "currency": "eur", "notes": "x" * 800}
    drafts = [
        EventDraft(
            merchant_id="mer_bench",
            livemode=False,
            type="payment_intent.succeeded",
            object_id=f"pi_{prefix}_{n}",
            sequence=1,
            object={"id": f"pi_{prefix}_{n}", **body},
            actor="clock",
            created_at=now,
        )
        for n in range(count)
    ]
    for place in range(0, count, BATCH):
        publish(*drafts[place : place + BATCH])


def _endpoint(url: str) -> Any:
    from django.utils import timezone

    from apps.common.origin import Scope
    from apps.webhooks.services.endpoints import create_endpoint

    hook = create_endpoint(
        scope=Scope("mer_bench", livemode=False),
        url=url,
        enabled_events=["*"],
        dialect="own",
        api_version="2026-11-01",
        now=timezone.now(),
    )
    hook.enable()
    hook.save()
    return hook


def _stripe_request(number: int) -> tuple[bytes, str]:
    event = {
        "id": f"evt_bench_{number}",
        "object": "event",
        "type": "payment_intent.succeeded",
        "created": int(time.time()),
        "livemode": False,
        "data": {
            "object": {
                "id": f"pi_bench_{number}",
                "object": "payment_intent",
                "amount": 1050,
                "metadata": {"attempt": f"att_{number}", "intent": f"pi_{number}"},
                "notes": "x" * 800,
            }
        },
    }
    body = json.dumps(event).encode()
    stamp = str(int(time.time()))
    digest = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return body, f"t={stamp},v1={digest}"


def _call(application: Callable[..., Any], request: tuple[bytes, str]) -> str:
    body, signature = request
    statuses: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/webhooks/stripe/stripe_main",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": "localhost",
        "HTTP_USER_AGENT": "Stripe/1.0",
        "HTTP_STRIPE_SIGNATURE": signature,
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
    }
    answer = application(environ, lambda status, _headers: statuses.append(status))
    answer.close()
    return statuses[0]


@contextmanager
def _database() -> Iterator[None]:
    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    # Only tests do without the pool.
    connection.close()
    connection.settings_dict["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 8}
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            # The connections that threads left in the pool.
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has one
        connection.settings_dict["OPTIONS"].pop("pool")
        connection.creation.destroy_test_db(name, verbosity=0)


@contextmanager
def _receiver() -> Iterator[int]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=partial(_serve, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection) -> None:
    """Answer every request with 200, except those for /hang, in a process of its own."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            if head.startswith(b"POST /hang"):
                await asyncio.sleep(HANGING_SECONDS)
            writer.write(ANSWER)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=1024)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
