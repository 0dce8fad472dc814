"""Work for the dispatcher of the tests: what it does is noted here."""

import asyncio
import threading
import time
from datetime import datetime

from django.db import connection

calls: list[str] = []
started: list[int] = []
finished: list[int] = []
jobs: list[int] = []
backlog: list[int] = []
gate = threading.Event()
is_broken = threading.Event()


def reset() -> None:
    for notes in (calls, started, finished, jobs, backlog):
        notes.clear()
    gate.clear()
    is_broken.clear()


def sweep(*, now: datetime) -> int:
    assert now.tzinfo is not None
    calls.append("sweep")
    return 0


def sweep_backlog(*, now: datetime) -> int:
    calls.append("backlog")
    return backlog.pop() if backlog else 0


def sweep_broken(*, now: datetime) -> int:
    calls.append("broken")
    raise ZeroDivisionError


def sweep_database(*, now: datetime) -> int:
    """Lose the connection to the server the first time, as in a restart."""
    with connection.cursor() as cursor:
        if "lost" not in calls:
            calls.append("lost")
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        cursor.execute("SELECT 1")
        calls.append("connected")
    return 0


def claim(limit: int) -> list[int]:
    taken, jobs[:] = jobs[:limit], jobs[limit:]
    return taken


def work(job: int, *, now: datetime) -> None:
    started.append(job)
    if job < 0:
        raise ZeroDivisionError
    gate.wait(timeout=30)
    time.sleep(0.05)
    finished.append(job)


async def serve(stop: asyncio.Event) -> None:
    calls.append("serve")
    if calls.count("serve") == 1:
        raise ZeroDivisionError
    await stop.wait()
