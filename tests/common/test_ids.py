"""Ids sort by when they were made, and ranges of ids stand for ranges of time."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apps.common.ids import first_id, id_at, is_id, new_id

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


def test_what_is_made_later_sorts_later_also_within_a_millisecond() -> None:
    made = [new_id("evt") for _ in range(10_000)]

    assert made == sorted(made)
    assert len(set(made)) == 10_000
    assert all(is_id(each) for each in made)


def test_ids_keep_their_order_on_a_coarse_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([*[1_000_000_000] * 100, 1_010_000_000, 5_000_000])
    monkeypatch.setattr("apps.common.ids._latest_tick", 0)
    monkeypatch.setattr("apps.common.ids.time.time_ns", lambda: next(ticks))

    made = [new_id("evt") for _ in range(101)]

    assert made == sorted(made)
    assert new_id("evt") < made[0], "a clock set back is followed"


def test_an_id_lies_between_the_bounds_of_its_millisecond() -> None:
    before = timezone.now()
    made = new_id("evt")
    after = timezone.now() + timedelta(milliseconds=1)

    assert first_id("evt", before) <= made < first_id("evt", after)
    assert first_id("jrn", NOON) <= id_at("jrn", NOON)
    assert id_at("jrn", NOON) < first_id("jrn", NOON + timedelta(milliseconds=1))
