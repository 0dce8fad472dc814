"""
The dispatcher: one process that keeps moving what waits in the database's queues.

It holds nothing that matters: every job is a row with a lease or under a lock, so it may be killed
and started in any number. What it finds broken (a database that restarts, a job that raises) it
logs and tries again, more and more slowly.
"""

import asyncio
import logging
import random
import signal
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from django.db import connection
from django.utils import timezone
from django.utils.module_loading import import_string

from apps.common.logs import begin_work
from apps.common.schedule import Lane, Service, Sweep

logger = logging.getLogger(__name__)
T = TypeVar("T")

# After trouble the pause doubles from the first to the longest; with jitter, so that several
# dispatchers do not fall upon a database that just came back.
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0


class Dispatcher:
    """Runs the sweeps, lanes and services of MAP 3 until it is told to stop."""

    def __init__(
        self, *, sweeps: Iterable[Sweep], lanes: Iterable[Lane], services: Iterable[Service]
    ) -> None:
        self._sweeps = list(sweeps)
        self._lanes = list(lanes)
        self._services = list(services)
        self._stop = asyncio.Event()
        threads = sum(sweep.copies for sweep in self._sweeps)
        threads += sum(lane.slots + 1 for lane in self._lanes)
        self._threads = ThreadPoolExecutor(max(1, threads), thread_name_prefix="dispatch")

    async def run(self) -> None:
        """Work until `stop()`; what has begun is finished first."""
        try:
            async with asyncio.TaskGroup() as group:
                for sweep in self._sweeps:
                    for _ in range(sweep.copies):
                        group.create_task(self._run_sweep(sweep))
                for lane in self._lanes:
                    group.create_task(self._run_lane(lane))
                for service in self._services:
                    group.create_task(self._run_service(service))
        finally:
            self._threads.shutdown()

    def listen_to_signals(self) -> None:
        """Let SIGTERM and SIGINT stop it; called inside the running loop."""
        loop = asyncio.get_running_loop()

        def stop_gently(number: signal.Signals) -> None:
            # Whoever asks twice means it: the second signal has its usual effect.
            loop.remove_signal_handler(number)
            self.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop_gently, number)

    def stop(self) -> None:
        """Begin nothing new."""
        self._stop.set()

    async def _run_sweep(self, sweep: Sweep) -> None:
        run = import_string(sweep.run)
        pauses = Pauses()
        while not self._stop.is_set():
            done = await self._in_thread(partial(_sweep, sweep.run, run))
            if done is None:
                await self._pause(pauses.after_trouble())
                continue
            pauses.reset()
            if not (done and sweep.continuous):
                await self._pause(sweep.every)

    async def _run_lane(self, lane: Lane) -> None:
        claim, work = import_string(lane.claim), import_string(lane.work)
        pauses = Pauses()
        running: set[asyncio.Task[Any]] = set()
        while not self._stop.is_set():
            if len(running) >= lane.slots:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                continue
            jobs = await self._in_thread(partial(claim, lane.slots - len(running)))
            if jobs is None:
                await self._pause(pauses.after_trouble())
                continue
            pauses.reset()
            for job in jobs:
                do = partial(_do, lane.work, work, job)
                task = asyncio.create_task(self._in_thread(do))
                running.add(task)
                task.add_done_callback(running.discard)
            if not jobs:
                await self._pause(lane.every)
        if running:
            await asyncio.wait(running)

    async def _run_service(self, service: Service) -> None:
        run = import_string(service.run)
        pauses = Pauses()
        while not self._stop.is_set():
            try:
                await run(self._stop)
            except Exception:  # the other work goes on
                logger.exception("%s failed", service.run)
                await self._pause(pauses.after_trouble())

    async def _in_thread(self, work: Callable[[], T]) -> T | None:
        """Return what `work` returned, or None when it raised."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, partial(_isolated, work)
        )

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), timeout=seconds)
        except TimeoutError:
            return


class Pauses:
    """Longer and longer pauses as long as the trouble lasts."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE_SECONDS

    def reset(self) -> None:
        """The trouble is over."""
        self._next = FIRST_PAUSE_SECONDS

    def after_trouble(self) -> float:
        """Return the seconds to wait this time."""
        pause, self._next = self._next, min(LONGEST_PAUSE_SECONDS, self._next * 2)
        return random.uniform(pause / 2, pause)  # noqa: S311 - no secret


def _sweep(name: str, run: Callable[..., int]) -> int:
    begin_work(job=name)
    return run(now=timezone.now())


def _do(name: str, work: Callable[..., None], job: Any) -> None:
    begin_work(job=name)
    work(job, now=timezone.now())


def _isolated(work: Callable[[], T]) -> T | None:
    try:
        return work()
    except Exception:  # a failing job must not stop the others
        logger.exception("a job of the dispatcher failed")
        return None
    finally:
        # Back to the pool; and a connection that broke is replaced by a new one.
        connection.close()
