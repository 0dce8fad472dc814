"""Success rates that all processes share, through a memory that may be away."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import redis
from django.conf import settings as configured

from apps.gateways.rates import TELL_EVERY_SECONDS, WINDOW, RateBook, RedisOutcomes
from apps.gateways.routing import Rate


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class SharedList:
    """What Redis keeps; `is_away` makes it fail."""

    def __init__(self) -> None:
        self.kept: dict[str, list[bool]] = {}
        self.is_away = False
        self.exchanges = 0

    def exchange(self, told: Mapping[str, Iterable[bool]]) -> dict[str, list[bool]]:
        self.exchanges += 1
        if self.is_away:
            raise OSError("no answer")
        for name, outcomes in told.items():
            self.kept.setdefault(name, []).extend(outcomes)
        return {name: list(outcomes) for name, outcomes in self.kept.items()}


def test_a_process_hears_what_the_others_saw() -> None:
    shared, clock = SharedList(), Clock()
    first, second = RateBook(shared, clock=clock), RateBook(shared, clock=clock)
    first.note("stripe_main", succeeded=True)
    first.read()

    second.note("stripe_main", succeeded=False)

    assert second.read() == {"stripe_main": Rate(2, 1)}


def test_redis_is_asked_once_a_second_however_many_payments_there_are() -> None:
    shared, clock = SharedList(), Clock()
    book = RateBook(shared, clock=clock)
    for _ in range(100):
        book.note("stripe_main", succeeded=True)
        book.read()
    assert shared.exchanges == 1

    clock.seconds += TELL_EVERY_SECONDS
    book.read()

    assert (shared.exchanges, len(shared.kept["stripe_main"])) == (2, 100)


def test_without_redis_a_process_goes_by_what_it_saw_itself() -> None:
    shared, clock = SharedList(), Clock()
    shared.is_away = True
    book = RateBook(shared, clock=clock)
    book.note("stripe_main", succeeded=False)

    assert book.read() == {"stripe_main": Rate(1, 0)}
    clock.seconds += TELL_EVERY_SECONDS
    book.read()
    assert shared.exchanges == 1


def test_redis_keeps_the_latest_of_each_gateway() -> None:
    memory = redis.Redis.from_url(configured.REDIS_URL)
    memory.delete("gateway_outcomes", "gateway_outcomes:a", "gateway_outcomes:b")
    outcomes = RedisOutcomes(memory)

    outcomes.exchange({"a": [True] * WINDOW, "b": [False]})
    latest: dict[str, Any] = outcomes.exchange({"a": [False, False]})

    assert (len(latest["a"]), sum(latest["a"])) == (WINDOW, WINDOW - 2)
    assert latest["b"] == [False]
    memory.delete("gateway_outcomes", "gateway_outcomes:a", "gateway_outcomes:b")


def test_redis_that_refuses_the_connection_disturbs_nobody() -> None:
    away = redis.Redis.from_url("unix:///nowhere/valkey.sock")
    book = RateBook(RedisOutcomes(away), faults=(redis.RedisError,))
    book.note("a", succeeded=True)

    assert book.read() == {"a": Rate(1, 1)}
    with pytest.raises(redis.RedisError):
        RedisOutcomes(away).exchange({})
