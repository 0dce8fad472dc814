"""Web, dispatcher, worker and beat: each shows every metric of the contract by itself."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from config.celery import app
from simulator.testing import RunningSimulator
from tests.factories.payments import created_intent
from tests.live.environment import platform_environment
from tests.live.running import LOOPBACK, ROOT, START_SECONDS, RunningWeb, free_port
from tests.observability.test_metrics import CONTRACT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

CELERY = ["-m", "celery", "-A", "config", "--quiet"]
BACKGROUND = {
    "dispatcher": ["manage.py", "run_dispatcher"],
    "worker": [*CELERY, "worker", "--concurrency", "1"],
    "beat": [*CELERY, "beat", "--schedule", "{folder}/beat"],
}


@contextmanager
def background(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[str]:
    """Run a process without HTTP of its own, and yield where Prometheus asks it."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, *(part.format(folder=folder) for part in command)],
        cwd=ROOT,
        env={**os.environ, **environment, "METRICS_PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://{LOOPBACK}:{port}/metrics"
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def names_at(url: str) -> set[str]:
    """Return every name that a process shows, as soon as it answers."""
    return {family.name for family in families_at(url)}


def families_at(url: str) -> list[Metric]:
    """Return all that a process shows, as soon as it answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            text = httpx.get(url, timeout=5, trust_env=False).raise_for_status().text
        except httpx.TransportError:
            assert time.monotonic() < deadline, "it did not come up"
            time.sleep(0.1)
        else:
            return list(text_string_to_metric_families(text))


def families_of_the_contract() -> set[str]:
    """Return the contract's names as families: without what counters and histograms append."""
    return {name.removesuffix("_total").removesuffix("_bucket") for name in CONTRACT}


def test_the_web_process_shows_every_metric(simulator: RunningSimulator) -> None:
    with RunningWeb(platform_environment(simulator)) as web:
        shown = names_at(f"{web.url}/metrics")

    assert families_of_the_contract() - shown == set()


@pytest.mark.parametrize("name", BACKGROUND)
def test_each_background_process_shows_every_metric(
    simulator: RunningSimulator, tmp_path: Path, name: str
) -> None:
    environment = platform_environment(simulator, CELERY_BROKER_URL="memory://")

    with background(BACKGROUND[name], environment, tmp_path) as url:
        shown = names_at(url)

    assert families_of_the_contract() - shown == set()


def relayed_at(url: str) -> list[float]:
    """Return each value that is shown of the events that were passed on."""
    return [
        sample.value
        for family in families_at(url)
        for sample in family.samples
        if sample.name == "outbox_relayed_total"
    ]


def test_what_a_worker_s_child_counts_is_on_its_page_once(
    simulator: RunningSimulator, tmp_path: Path
) -> None:
    created_intent()
    environment = platform_environment(simulator, TMPDIR=str(tmp_path))

    with background(BACKGROUND["worker"], environment, tmp_path) as url:
        assert relayed_at(url) == [0.0]
        app.send_task("apps.common.tasks.run_sweep", ["apps.outbox.tasks.relay_events"])
        deadline = time.monotonic() + START_SECONDS
        while (shown := relayed_at(url)) == [0.0] and time.monotonic() < deadline:
            time.sleep(0.1)

    assert shown == [1.0]
    # Nothing of it stays on the disk.
    assert list(tmp_path.iterdir()) == []
