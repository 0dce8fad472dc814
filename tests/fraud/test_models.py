"""Scoring and training: exact, without the future, and honest about what is shipped."""

import random
from dataclasses import replace
from typing import Any

import pytest

from apps.fraud.default_model import read_default_artifact
from apps.fraud.features import ABSOLUTE, NAMES, describe_purchase, reason_for
from apps.fraud.profiles import KEEP_DAYS, SECONDS_PER_DAY, Profile
from apps.fraud.replay import Purchase, replay
from apps.fraud.scoring.trees import ModelUnreadable, TreeModel, score_cuts

WEEK = 7 * SECONDS_PER_DAY


def history(*, count: int = 600, seed: int = 5) -> list[Purchase]:
    chance = random.Random(seed)  # noqa: S311 - no secret
    moments = sorted(chance.randrange(40 * SECONDS_PER_DAY) for _ in range(count))
    return [
        Purchase(
            number, at, str(chance.randrange(12)), str(chance.randrange(8)),
            chance.randint(100, 20_000), at + WEEK if chance.random() < 0.1 else None,
        )
        for number, at in enumerate(moments)
    ]  # fmt: skip


def ordinary() -> dict[str, float]:
    return describe_purchase(amount=2000, at=WEEK, card=Profile(), seller=Profile())


def test_features_know_nothing_of_the_future() -> None:
    past = history()
    half = len(past) // 2
    now = past[half].at
    # The future is shuffled among cards, sellers and amounts, and every later label is turned.
    future = [
        Purchase(p.id, p.at, "9", "1", 77, None if p.known_at else p.at) for p in past[half + 1 :]
    ]
    hidden = [
        p if (p.known_at or 0) <= now else replace(p, known_at=None) for p in past[: half + 1]
    ]

    known = {p.id: f for p, f in replay(past) if p.id <= half}
    blind = {p.id: f for p, f in replay([*hidden, *future]) if p.id <= half}

    assert known == blind


def test_a_label_counts_from_the_moment_it_is_known() -> None:
    fraud = Purchase(0, 0, "c", "s", 500, WEEK)
    looks = [Purchase(n, at, "c", "s", 500) for n, at in ((1, WEEK - 1), (2, WEEK), (3, WEEK + 9))]

    seen = [features["seller_frauds_9d"] for _, features in replay([fraud, *looks])]

    assert seen == [0, 0, 1, 1]


def test_days_that_are_too_old_are_forgotten() -> None:
    old, young = (
        Purchase(0, 0, "c", "s", 500),
        Purchase(1, KEEP_DAYS * SECONDS_PER_DAY, "c", "s", 9),
    )

    (_, first), (_, second) = replay([old, young])

    assert (first["card_age_days"], second["card_amount_ratio"]) == (-1.0, 1.0)


@pytest.mark.parametrize("name", NAMES)
def test_every_feature_can_be_said_in_words(name: str) -> None:
    assert reason_for(name)[0].isupper()


def test_the_shipped_model_reads_and_uses_no_absolute_amounts() -> None:
    artifact = read_default_artifact()
    model = TreeModel(artifact)

    assert model.version.startswith("default-")
    assert not ABSOLUTE & set(model.names)
    assert "never seen a real payment" in artifact["card"]
    score = model.score(ordinary())
    assert 0 <= score.value <= 99
    assert 0.0 <= score.probability <= 1.0


def test_the_shipped_model_finds_a_seller_in_a_running_series_riskier() -> None:
    model = TreeModel(read_default_artifact())
    clean, taken = Profile(), Profile()
    for profile in (clean, taken):
        for day in range(20):
            profile.remember(amount=2000, at=day * SECONDS_PER_DAY + 9, is_outlier=False)
    for day in range(3, 13):
        taken.learn_fraud(at=day * SECONDS_PER_DAY, is_plain=True)
    at = 20 * SECONDS_PER_DAY

    scores = [
        model.score(describe_purchase(amount=2000, at=at, card=Profile(), seller=seller))
        for seller in (clean, taken)
    ]

    assert scores[0].value < 65 <= scores[1].value
    assert "fraud of the seller" in scores[1].reasons[0].words


def test_an_artifact_of_another_form_is_refused() -> None:
    artifact = {**read_default_artifact(), "features": ["shoe_size"]}

    with pytest.raises(ModelUnreadable, match="shoe_size"):
        TreeModel(artifact)


TREE = [[0, 0.5, 1, 2, 0.0], [-1, 0, 0, 0, 1.0], [-1, 0, 0, 0, -1.0]]


@pytest.mark.parametrize(
    "change",
    [
        {"trees": [[[0, 0.5, 0, 2, 0.0], *TREE[1:]]]},
        {"trees": [[[0, 0.5, 1, 3, 0.0], *TREE[1:]]]},
        {"trees": [[[999, 0.5, 1, 2, 0.0], *TREE[1:]]]},
        {"trees": [[]]},
        {"trees": [[[0, 0.5]]]},
        {"score_cuts": ["x"]},
        {"calibration": None},
    ],
)
def test_a_damaged_artifact_is_refused_before_a_payment_meets_it(change: dict[str, Any]) -> None:
    sound = {**read_default_artifact(), "trees": [TREE]}
    assert TreeModel(sound).margin(ordinary()) in {1.0, -1.0}

    with pytest.raises(ModelUnreadable, match="damaged"):
        TreeModel({**sound, **change})


def test_a_score_means_the_same_share_of_payments_after_every_training() -> None:
    margins = [number / 1000 for number in range(100_000)]

    cuts = score_cuts(margins, review_share=0.01, block_share=0.002)

    assert len(cuts) == 99
    assert cuts == sorted(cuts)
    assert sum(margin >= cuts[64] for margin in margins) == pytest.approx(1000, abs=2)
    assert sum(margin >= cuts[74] for margin in margins) == pytest.approx(200, abs=2)


def trained_here() -> Any:
    return pytest.importorskip("apps.fraud.training", reason="needs requirements/ml.txt")


def test_the_exported_trees_score_as_the_trainer_does() -> None:
    training = trained_here()
    np = pytest.importorskip("numpy")
    rows, labels = [], []
    for purchase, features in replay(history(count=4000)):
        rows.append(list(features.values()))
        labels.append(purchase.known_at is not None or features["card_amount_ratio"] > 2)
    table = np.array(rows, dtype=float)

    trained = training.train(table, np.array(labels, dtype="int8"), trees=40)

    model = TreeModel(trained.artifact)
    expected = trained.booster.predict(table, raw_score=True)
    for row, margin in zip(table.tolist(), expected.tolist(), strict=True):
        features = dict(zip(NAMES, row, strict=True))
        assert model.margin(features) == pytest.approx(margin, abs=1e-12)
    points = [share for _, share in trained.artifact["calibration"]]
    assert points == sorted(points)
