"""Webhooks with Redis emptied and restarted, and dispatcher or worker killed, in the middle."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import redis
from celery import Celery
from django.utils import timezone
from pytest_django import Settings

from apps.outbox.services import publish
from apps.webhooks.models import Delivery
from embedded.servers import EmbeddedValkey, Place
from tests.live.environment import database_url_of_test
from tests.live.running import ROOT
from tests.outbox.drafts import draft
from tests.webhooks.receivers import Receiver, receiver
from tests.webhooks.shop import endpoint

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PATIENCE_SECONDS = 30.0
EVENTS = 200
HANGING_SECONDS = 5.0
RELAY = "apps.outbox.tasks.relay_events"
SEND = "apps.webhooks.sender.send_due"


@pytest.fixture(autouse=True)
def _shops_on_this_machine(settings: Settings) -> None:
    settings.WEBHOOKS_ALLOW_LOOPBACK = True


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(Place.below(tmp_path / "place", checkout=tmp_path))
    server.start()
    yield server
    server.stop()


@contextmanager
def process(folder: Path, redis_url: str, *command: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process of the platform; whatever is left of it is killed in the end."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": database_url_of_test(),
        "REDIS_URL": redis_url,
        "WEBHOOKS_ALLOW_LOOPBACK": "true",
    }
    with log_of(folder).open("ab") as log:
        running = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield running
    finally:
        kill(running)


def log_of(folder: Path) -> Path:
    return folder / "process.log"


def dispatcher(folder: Path, redis_url: str) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    return process(folder, redis_url, "manage.py", "run_dispatcher")


@contextmanager
def worker(folder: Path, redis_url: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a Celery worker with processes of its own, and wait until it takes tasks."""
    seen = log_of(folder).read_text().count(" ready.") if log_of(folder).exists() else 0
    options = ("--concurrency", "2", "--without-gossip", "--without-mingle", "-l", "INFO")
    with process(folder, redis_url, "-m", "celery", "-A", "config", "worker", *options) as running:
        wait_until(lambda: log_of(folder).read_text().count(" ready.") > seen)
        yield running


def tick(redis_url: str, *sweeps: str) -> None:
    """Send what Celery beat sends every few seconds."""
    # As config/settings/base.py spells it.
    broker = redis_url.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    with Celery(broker=broker) as beat:
        for sweep in sweeps:
            beat.send_task("apps.common.tasks.run_sweep", args=(sweep,))


def kill(running: "subprocess.Popen[bytes]") -> None:
    if running.poll() is None:
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def ids_of(shop: Receiver) -> list[str]:
    """Return the ids of the messages that came, in their order."""
    return [headers["webhook-id"] for headers, _ in list(shop.got)]


def test_redis_emptied_and_restarted_in_the_middle_loses_no_event(
    own_redis: EmbeddedValkey, tmp_path: Path
) -> None:
    with receiver() as shop, dispatcher(tmp_path, own_redis.url):
        endpoint(shop.url)
        publish(*(draft(f"pi_{n}", 1) for n in range(EVENTS)))
        wait_until(lambda: len(shop.got) > 0)

        redis.Redis.from_url(own_redis.url).flushall()
        own_redis.kill()
        publish(*(draft(f"pi_{n}", 2) for n in range(EVENTS)))
        own_redis.start()
        publish(*(draft(f"pi_{n}", 3) for n in range(EVENTS)))
        wait_until(lambda: len(set(ids_of(shop))) == 3 * EVENTS)

        wait_until(lambda: not Delivery.objects.exclude(status="succeeded").exists())
    assert Delivery.objects.count() == 3 * EVENTS


def test_killed_in_the_middle_of_a_delivery_it_is_delivered_again_with_the_same_id(
    own_redis: EmbeddedValkey, tmp_path: Path
) -> None:
    with receiver(hang_seconds=HANGING_SECONDS) as shop:
        endpoint(shop.url)
        with dispatcher(tmp_path, own_redis.url) as doomed:
            publish(draft("pi_1", 1))
            wait_until(lambda: len(shop.got) == 1)
            kill(doomed)
        assert Delivery.objects.get().status == "pending"
        # What the passing of the dead one's lease does.
        Delivery.objects.update(leased_until=timezone.now())
        shop.hang_seconds = 0.0

        with dispatcher(tmp_path, own_redis.url):
            wait_until(lambda: Delivery.objects.get().status == "succeeded")

    first, second = ids_of(shop)
    assert first == second == Delivery.objects.get().event_id
    assert shop.got[0][1] == shop.got[1][1]


def test_a_celery_worker_killed_in_the_middle_of_a_delivery_delivers_again_with_the_same_id(
    own_redis: EmbeddedValkey, tmp_path: Path
) -> None:
    with receiver(hang_seconds=HANGING_SECONDS) as shop:
        endpoint(shop.url)
        publish(draft("pi_1", 1))
        with worker(tmp_path, own_redis.url) as doomed:
            tick(own_redis.url, RELAY)
            wait_until(Delivery.objects.exists)
            tick(own_redis.url, SEND)
            wait_until(lambda: len(shop.got) == 1)
            kill(doomed)
        assert Delivery.objects.get().status == "pending"
        # What the passing of the dead one's lease does.
        Delivery.objects.update(leased_until=timezone.now())
        shop.hang_seconds = 0.0
        # The task that was lost with its worker is not what brings the event.
        redis.Redis.from_url(own_redis.url).flushall()
        own_redis.kill()
        own_redis.start()

        with worker(tmp_path, own_redis.url):
            tick(own_redis.url, SEND)
            wait_until(lambda: Delivery.objects.get().status == "succeeded")

    first, second = ids_of(shop)
    assert first == second == Delivery.objects.get().event_id
    assert shop.got[0][1] == shop.got[1][1]
