import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.conf import settings

from apps.gateways.circuit import (
    CallPass,
    CircuitBreaker,
    CircuitOpen,
    CircuitPolicy,
    ProcessBoard,
    Tally,
    Trip,
    count_call,
    is_too_bad,
    next_trip,
)
from apps.gateways.circuit_redis import RedisBoard
from apps.gateways.errors import GatewayNotSent
from apps.gateways.retry_budget import RetryBudget

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
POLICY = CircuitPolicy()

# Test processes share one Redis, so each has a gateway of its own.
GATEWAY = f"stripe_{os.getpid()}"


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def admit(breaker: CircuitBreaker, seconds: float, *, operation: str = "create") -> CallPass:
    return breaker.admit(gateway=GATEWAY, operation=operation, now=at(seconds))


def call(breaker: CircuitBreaker, seconds: float, *, failed: bool) -> None:
    breaker.record(admit(breaker, seconds), failed=failed, now=at(seconds))


def trip(breaker: CircuitBreaker) -> None:
    for _ in range(5):
        call(breaker, 0, failed=True)


# --- policy -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "failures", "verdict"),
    [(4, 4, False), (5, 2, False), (5, 3, True), (10, 5, True), (1000, 499, False)],
)
def test_half_of_enough_calls_is_too_bad(calls: int, failures: int, verdict: bool) -> None:
    assert is_too_bad(Tally(NOW, calls, failures), POLICY) is verdict


def test_calls_are_counted_within_the_window_and_anew_after_it() -> None:
    tally = count_call(Tally(NOW, 3, 2), failed=True, now=at(10), policy=POLICY)

    assert tally == Tally(NOW, 4, 3)
    assert count_call(tally, failed=False, now=at(10.1), policy=POLICY) == Tally(at(10.1), 1, 0)


@pytest.mark.parametrize(
    ("level", "seconds"), [(0, 2), (1, 4), (2, 8), (3, 16), (4, 30), (5, 30), (10_000, 30)]
)
def test_each_rest_is_twice_as_long_up_to_the_longest(level: int, seconds: int) -> None:
    before = Trip(level, NOW) if level else None

    assert next_trip(before, now=NOW, policy=POLICY) == Trip(level + 1, at(seconds))


# --- breaker, on both boards ------------------------------------------------------------------


@pytest.fixture
def memory() -> Iterator[Any]:
    client = redis.Redis.from_url(settings.REDIS_URL)
    yield client
    for name in client.scan_iter(f"circuit:{GATEWAY}:*"):
        client.delete(name)
    client.close()


@pytest.fixture(params=["process", "redis"])
def board(request: pytest.FixtureRequest) -> ProcessBoard | RedisBoard:
    if request.param == "process":
        return ProcessBoard()
    return RedisBoard(request.getfixturevalue("memory"), faults=(redis.RedisError,))


@pytest.fixture
def breaker(board: ProcessBoard | RedisBoard) -> CircuitBreaker:
    return CircuitBreaker(board)


def test_a_healthy_gateway_is_called(breaker: CircuitBreaker) -> None:
    for second in range(100):
        call(breaker, second, failed=second % 3 == 0)


def test_five_failures_open_the_circuit_and_nothing_is_sent(breaker: CircuitBreaker) -> None:
    trip(breaker)

    with pytest.raises(CircuitOpen) as caught:
        admit(breaker, 1.9)
    assert isinstance(caught.value, GatewayNotSent)


def test_other_operations_go_on(breaker: CircuitBreaker) -> None:
    trip(breaker)

    assert admit(breaker, 1, operation="refund").is_probe is False


def test_after_the_rest_one_call_tries_and_the_others_wait(breaker: CircuitBreaker) -> None:
    trip(breaker)

    assert admit(breaker, 2).is_probe is True
    for _ in range(10):
        with pytest.raises(CircuitOpen):
            admit(breaker, 2.1)


def test_a_probe_that_succeeds_closes_the_circuit(breaker: CircuitBreaker) -> None:
    trip(breaker)
    call(breaker, 2, failed=False)

    assert admit(breaker, 2.1).is_probe is False
    # The failures before the rest are forgotten.
    for _ in range(4):
        call(breaker, 2.2, failed=True)
    assert admit(breaker, 2.3).is_probe is False


def test_a_probe_that_fails_doubles_the_rest(breaker: CircuitBreaker) -> None:
    trip(breaker)
    call(breaker, 2, failed=True)

    with pytest.raises(CircuitOpen):
        admit(breaker, 5.9)
    assert admit(breaker, 6).is_probe is True


def test_a_probe_that_never_tells_is_given_up(breaker: CircuitBreaker) -> None:
    trip(breaker)
    admit(breaker, 2)

    with pytest.raises(CircuitOpen):
        admit(breaker, 6.9)


def test_late_outcomes_of_earlier_calls_neither_close_nor_lengthen(
    breaker: CircuitBreaker,
) -> None:
    late = [admit(breaker, 0) for _ in range(20)]
    trip(breaker)
    for index, each in enumerate(late):
        breaker.record(each, failed=index % 2 == 0, now=at(1.5))

    with pytest.raises(CircuitOpen):
        admit(breaker, 1.9)
    assert admit(breaker, 2).is_probe is True


def test_a_probe_given_up_leaves_the_next_one_to_another_call() -> None:
    breaker = CircuitBreaker(ProcessBoard())
    trip(breaker)
    admit(breaker, 2)

    assert admit(breaker, 7).is_probe is True


# --- sharing ----------------------------------------------------------------------------------


def shared_breaker(memory: Any) -> CircuitBreaker:
    return CircuitBreaker(RedisBoard(memory, faults=(redis.RedisError,)))


def test_what_one_process_learns_all_know_a_moment_later(memory: Any) -> None:
    first, second = shared_breaker(memory), shared_breaker(memory)
    admit(second, 0)
    trip(first)

    assert admit(second, 0.2).is_probe is False  # it asks only every quarter of a second
    with pytest.raises(CircuitOpen):
        admit(second, 0.25)


def test_of_all_processes_one_tries(memory: Any) -> None:
    breakers = [shared_breaker(memory) for _ in range(5)]
    trip(breakers[0])

    tried = 0
    for breaker in breakers:
        try:
            tried += admit(breaker, 2).is_probe
        except CircuitOpen:
            continue

    assert tried == 1


def test_the_probes_success_closes_the_circuit_for_all(memory: Any) -> None:
    first, second = shared_breaker(memory), shared_breaker(memory)
    trip(first)
    call(second, 2, failed=False)

    assert admit(first, 2.3).is_probe is False


class BrokenMemory:
    """Redis that is away; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def _refuse(self, *_args: object, **_options: object) -> Any:
        self.asked += 1
        raise redis.ConnectionError("gone")

    get = set = delete = _refuse


def test_without_redis_each_process_protects_itself_and_asks_rarely() -> None:
    memory = BrokenMemory()
    breaker = shared_breaker(memory)
    trip(breaker)

    with pytest.raises(CircuitOpen):
        admit(breaker, 1)
    assert admit(breaker, 2.1).is_probe is True
    assert memory.asked == 2  # at the first call, and again when it was left alone for two seconds


def test_trips_do_not_stay_for_ever(memory: Any) -> None:
    trip(shared_breaker(memory))

    # Ten minutes after the rest of two seconds.
    assert 595 < memory.ttl(f"circuit:{GATEWAY}:create") <= 602


def test_rubbish_in_redis_is_no_trip(memory: Any) -> None:
    memory.set(f"circuit:{GATEWAY}:create", b"\xff rubbish")

    assert admit(shared_breaker(memory), 0).is_probe is False


# --- retry budget -----------------------------------------------------------------------------


def test_the_reserve_allows_ten_repetitions_and_no_more() -> None:
    budget = RetryBudget()

    assert [budget.take_retry() for _ in range(11)] == [True] * 10 + [False]


def test_ten_calls_earn_one_repetition() -> None:
    budget = RetryBudget(reserve=1)
    budget.take_retry()
    for _ in range(9):
        budget.note_call()
    assert budget.take_retry() is False

    budget.note_call()

    assert budget.take_retry() is True
    assert budget.take_retry() is False


def test_quiet_hours_earn_no_more_than_the_reserve() -> None:
    budget = RetryBudget(reserve=2)
    for _ in range(1000):
        budget.note_call()

    assert [budget.take_retry() for _ in range(3)] == [True, True, False]
