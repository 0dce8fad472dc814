"""Calls to gateways: behind the circuit breaker, within the caller's time and retry budget."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import TypeVar, cast

from django.conf import settings

from apps.common.tracing import span
from apps.gateways.circuit import CircuitBoard, CircuitBreaker, ProcessBoard
from apps.gateways.circuit_redis import RedisBoard, SharedMemory
from apps.gateways.errors import GatewayNotSent, GatewayUnknown
from apps.gateways.metrics import timed_call
from apps.gateways.retry_budget import RetryBudget
from apps.gateways.shared_memory import MEMORY_FAULTS, connect_memory
from apps.gateways.transport import limit_time

_Answer = TypeVar("_Answer")

_budgets: defaultdict[str, RetryBudget] = defaultdict(RetryBudget)
_budgets_lock = threading.Lock()


def call_gateway(
    call: Callable[[], _Answer],
    *,
    gateway: str,
    operation: str,
    clock: Callable[[], datetime],
    time_left: timedelta | None = None,
) -> _Answer:
    """
    Make one call and take note of how the gateway fares.

    `time_left` shortens the account's own time-outs. Nothing is sent while the circuit is open.

    :raises CircuitOpen: the gateway rests
    :raises GatewayError: as the adapter raises it
    """
    with timed_call(gateway, operation), span(f"gateway {operation}", processor=gateway):
        breaker = circuit_breaker()
        leave = breaker.admit(gateway=gateway, operation=operation, now=clock())
        failed = False
        try:
            with limit_time(time_left):
                return call()
        except (GatewayNotSent, GatewayUnknown):
            # Anything else is a sign of life, or our own bug.
            failed = True
            raise
        finally:
            breaker.record(leave, failed=failed, now=clock())


def running_clock(now: datetime) -> Callable[[], datetime]:
    """Return a clock that shows `now` at this moment and runs on."""
    started = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - started)


def note_first_call(gateway: str) -> None:
    """Let a first call earn its share of a repetition."""
    _budget(gateway).note_call()


def may_repeat(gateway: str) -> bool:
    """Return whether a call to the gateway may be repeated now, and count it if so."""
    return _budget(gateway).take_retry()


@cache
def circuit_breaker() -> CircuitBreaker:
    """Return the one breaker of this process."""
    return CircuitBreaker(_make_board())


def reset_circuits() -> None:
    """Forget what this process counted; the next call starts with closed circuits."""
    circuit_breaker.cache_clear()
    _budgets.clear()


def _make_board() -> CircuitBoard:
    if not settings.CIRCUITS_SHARED:
        return ProcessBoard()
    return RedisBoard(cast("SharedMemory", connect_memory()), faults=MEMORY_FAULTS)


def _budget(gateway: str) -> RetryBudget:
    with _budgets_lock:
        return _budgets[gateway]
