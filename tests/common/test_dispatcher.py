"""The dispatcher: all work side by side; what breaks is tried again and stops nothing else."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils.module_loading import import_string

from apps.common.dispatcher import LONGEST_PAUSE_SECONDS, Dispatcher, Pauses
from apps.common.schedule import Lane, Service, Sweep
from apps.common.tasks import run_lane, run_sweep
from config import schedule
from config.celery import app
from tests.common import work

HERE = "tests.common.work"
ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_HAPPEN = 30.0

pytestmark = pytest.mark.usefixtures("_fresh_notes")


@pytest.fixture
def _fresh_notes() -> Iterator[None]:
    work.reset()
    yield
    work.reset()


def dispatch(until: Callable[[], bool], **tasks: Any) -> None:
    """Run a dispatcher until the condition holds, then stop it."""

    async def run() -> None:
        everything: dict[str, Any] = {"sweeps": [], "lanes": [], "services": []}
        dispatcher = Dispatcher(**(everything | tasks))
        running = asyncio.create_task(dispatcher.run())
        async with asyncio.timeout(SECONDS_TO_HAPPEN):
            while not until():
                await asyncio.sleep(0.005)
        dispatcher.stop()
        await running

    asyncio.run(run())


def sweep(name: str, **changes: Any) -> Sweep:
    return Sweep(**{"run": f"{HERE}.{name}", "every": 0.01, **changes})


def lane(slots: int) -> Lane:
    return Lane(claim=f"{HERE}.claim", work=f"{HERE}.work", slots=slots, every=0.01)


def test_a_sweep_is_called_again_and_again() -> None:
    dispatch(lambda: work.calls.count("sweep") >= 3, sweeps=[sweep("sweep")])


def test_a_continuous_sweep_does_not_pause_while_it_finds_something() -> None:
    work.backlog[:] = [7] * 20

    dispatch(
        lambda: work.calls.count("backlog") >= 21,
        sweeps=[sweep("sweep_backlog", every=60, continuous=True)],
    )

    assert work.calls.count("backlog") == 21


def test_a_broken_sweep_is_tried_more_and_more_slowly_and_stops_no_other() -> None:
    dispatch(
        lambda: work.calls.count("sweep") >= 30,
        sweeps=[sweep("sweep_broken", every=0), sweep("sweep")],
    )

    assert 1 <= work.calls.count("broken") <= 5


def test_a_lane_works_side_by_side_up_to_its_slots() -> None:
    work.jobs[:] = [1, 2, 3, 4, 5]

    def are_all_slots_taken() -> bool:
        if len(work.started) < 3:
            return False
        work.gate.set()
        return len(work.finished) == 5

    dispatch(are_all_slots_taken, lanes=[lane(slots=3)])

    assert sorted(work.started[:3]) == [1, 2, 3]
    assert sorted(work.finished) == [1, 2, 3, 4, 5]


def test_a_job_that_raises_frees_its_slot() -> None:
    work.gate.set()
    work.jobs[:] = [-1, -2, 3]

    dispatch(lambda: work.finished == [3], lanes=[lane(slots=1)])

    assert work.started == [-1, -2, 3]


def test_stopping_finishes_what_has_begun_and_begins_nothing() -> None:
    work.gate.set()
    work.jobs[:] = [1, 2, 3]

    dispatch(lambda: len(work.started) == 1, lanes=[lane(slots=1)])

    assert work.finished == work.started


def test_a_service_that_fails_is_started_again() -> None:
    dispatch(
        lambda: work.calls == ["serve", "serve"],
        services=[Service(run=f"{HERE}.serve", backstop="")],
    )


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_to_the_database_is_replaced() -> None:
    dispatch(lambda: "connected" in work.calls, sweeps=[sweep("sweep_database")])

    assert work.calls[:2] == ["lost", "connected"]


def test_the_pauses_grow_to_the_longest_and_start_anew() -> None:
    pauses = Pauses()
    waits = [pauses.after_trouble() for _ in range(20)]

    assert 0.05 <= waits[0] <= 0.1
    assert LONGEST_PAUSE_SECONDS / 2 <= waits[-1] <= LONGEST_PAUSE_SECONDS
    pauses.reset()
    assert pauses.after_trouble() <= 0.1


def test_the_command_waits_for_a_database_that_is_away_and_stops_gently() -> None:
    environment = {
        **os.environ,
        "DATABASE_URL": "postgres://nobody@127.0.0.1:9/nowhere",
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
    }
    with subprocess.Popen(
        [sys.executable, "manage.py", "run_dispatcher"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "The dispatcher runs.\n"
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=20)

    assert rest == "The dispatcher has stopped.\n"
    assert process.returncode == 0


def test_celery_sweeps_until_nothing_is_found() -> None:
    work.backlog[:] = [7, 7, 7]

    run_sweep(f"{HERE}.sweep_backlog")

    assert work.calls == ["backlog"] * 4


def test_celery_does_the_jobs_of_a_lane_one_by_one() -> None:
    work.gate.set()
    work.jobs[:] = [1, 2]

    run_lane(f"{HERE}.claim", f"{HERE}.work")

    assert work.finished == [1, 2]


def test_everything_in_the_schedule_exists_and_celery_knows_its_task() -> None:
    paths = [entry.run for entry in schedule.SWEEPS] + [
        path for entry in schedule.SERVICES for path in (entry.run, entry.backstop)
    ]
    paths += [path for entry in schedule.LANES for path in (entry.claim, entry.work)]
    app.loader.import_default_modules()

    assert all(callable(import_string(path)) for path in paths)
    for entry in schedule.beat_schedule().values():
        assert entry["task"] in app.tasks
