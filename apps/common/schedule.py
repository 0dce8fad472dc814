"""The kinds of work that nobody calls for; config/schedule.py (MAP 3) lists all of it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """
    `run(now=...)` does a bounded piece of what is due and returns how much that was.

    It is called every `every` seconds; a `continuous` one at once again as long as it finds
    something. It may run at the same time in several processes, and `copies` times in each, so it
    takes its rows with SKIP LOCKED or changes nothing the second time.
    """

    run: str
    every: float
    continuous: bool = False
    copies: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """
    A queue whose jobs run side by side: `claim(limit)` returns jobs, `work(job, now=...)` does one.

    `slots` bounds how many run at once in one process.
    """

    claim: str
    work: str
    slots: int
    every: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """
    A coroutine `run(stop)` that works until the event `stop` is set.

    `backstop` is a sweep that does the same work for Celery.
    """

    run: str
    backstop: str
