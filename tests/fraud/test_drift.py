"""The monitor speaks up when payments change, and not when they do not."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.common.ids import new_id
from apps.fraud.drift import ALERT, WARN, stability_index
from apps.fraud.features import NAMES
from apps.fraud.models import Decision, Drift
from apps.fraud.services.drift import LEAST, measure_drift, watch_drift

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
NAN = float("nan")


def test_the_same_payments_have_not_moved() -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    then = [chance.gauss(50, 10) for _ in range(5_000)]
    now = [chance.gauss(50, 10) for _ in range(5_000)]

    assert stability_index(then, then) == 0
    assert stability_index(then, now) < WARN / 5


def test_a_shift_by_one_deviation_is_an_alarm() -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    then = [chance.gauss(50, 10) for _ in range(5_000)]
    now = [chance.gauss(60, 10) for _ in range(5_000)]

    assert stability_index(then, now) > ALERT


def test_the_index_is_the_sum_over_bins() -> None:
    # Two bins: 80 % and 20 % then, 50 % and 50 % now: .3*ln(.5/.8)*-1 + .3*ln(.5/.2).
    then = [0.0] * 80 + [1.0] * 20
    now = [0.0] * 50 + [1.0] * 50

    assert stability_index(then, now) == pytest.approx(0.4159, abs=1e-3)


def test_values_that_are_not_known_any_more_are_a_change_too() -> None:
    then = [float(value) for value in range(1_000)]

    assert stability_index(then, [NAN] * 1_000) > ALERT
    assert stability_index([NAN] * 10, [NAN] * 10) == 0


def judge(count: int, *, at: datetime, amount: float, version: str = "m1") -> None:
    """Let the model judge payments whose every feature is about `amount`."""
    rows: list[Any] = [
        Decision(
            id=new_id("frd"),
            merchant_id="mer_test",
            livemode=False,
            intent_id=f"pi_{at:%j}_{place}",
            attempt_id=f"att_{version}_{at:%j}_{place}",
            action="allow",
            score=10,
            level="normal",
            model_version=version,
            features=dict.fromkeys(NAMES, amount + place % 10),
            amount=100,
            currency="EUR",
            created_at=at,
        )
        for place in range(count)
    ]
    Decision.objects.bulk_create(rows)


@pytest.mark.django_db
def test_drift_is_told_once_a_day_for_each_feature() -> None:
    judge(LEAST, at=NOW - timedelta(days=30), amount=5)
    judge(LEAST, at=NOW - timedelta(hours=2), amount=500)

    kept = watch_drift(now=NOW)
    again = watch_drift(now=NOW + timedelta(hours=1))

    assert (kept, again) == (len(NAMES) + 1, 0)
    moved = Drift.objects.filter(day=NOW.date(), stability_index__gt=ALERT)
    assert moved.count() == len(NAMES)
    assert Drift.objects.get(feature="score").stability_index == 0
    (told,) = measure_drift(NOW)
    assert {sample.labels["feature"] for sample in told.samples} == {"score", *NAMES}


@pytest.mark.django_db
def test_few_payments_say_nothing() -> None:
    judge(LEAST, at=NOW - timedelta(days=30), amount=5)
    judge(LEAST - 1, at=NOW - timedelta(hours=2), amount=500)

    # The beginning is large enough, the day is not.
    assert watch_drift(now=NOW) == 0
    assert not Drift.objects.exists()


@pytest.mark.django_db
def test_a_new_model_has_a_new_beginning() -> None:
    judge(LEAST, at=NOW - timedelta(days=30), amount=5)
    judge(LEAST, at=NOW - timedelta(hours=2), amount=500, version="m2")

    watch_drift(now=NOW)

    assert Drift.objects.filter(stability_index__gt=0).count() == 0
    assert set(Drift.objects.values_list("model_version", flat=True)) == {"m2"}
