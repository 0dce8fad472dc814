"""Webhooks with Redis emptied and restarted, and the dispatcher killed, in the middle of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
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
def dispatcher(folder: Path, redis_url: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a dispatcher; whatever is left of it is killed in the end."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": database_url_of_test(),
        "REDIS_URL": redis_url,
        "WEBHOOKS_ALLOW_LOOPBACK": "true",
    }
    with (folder / "dispatcher.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_dispatcher"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


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
