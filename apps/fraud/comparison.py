"""
Compare a model with the one in use, on payments that neither learned from.

Needs requirements/ml.txt; only the promotion of a model imports this module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import nan
from typing import Any, Final

import numpy as np

from apps.fraud.default_model import read_default_artifact
from apps.fraud.errors import TooFewFrauds
from apps.fraud.features import NAMES
from apps.fraud.models import RiskModel
from apps.fraud.ranking import Numbers, average_precision
from apps.fraud.scoring.trees import TreeModel
from apps.fraud.states import ModelStatus
from apps.fraud.training_data import DEFAULT_DELAY, read_examples

HOLDOUT: Final = timedelta(weeks=4)
# Fewer frauds say more about chance than about a model.
LEAST_FRAUDS: Final = 30
# How often the same payments are drawn anew to see what of a difference is chance.
_DRAWS: Final = 200
_SEED: Final = 7
# A model that does worse in more of the draws than this does not act.
_MOST_CHANCE_WORSE: Final = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """
    How well two models rank the same payments, by average precision.

    `chance_worse` is the share of drawn samples in which the model does worse than `other`.
    """

    other: str
    payments: int
    frauds: int
    average_precision: float
    other_average_precision: float
    chance_worse: float

    @property
    def is_worse(self) -> bool:
        """Whether it is rather worse than not."""
        return self.chance_worse > _MOST_CHANCE_WORSE

    def render(self) -> dict[str, Any]:
        """Return the figures as they are kept with the model."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def compare_models(candidate: RiskModel, *, now: datetime) -> Comparison:
    """
    Compare the model with the champion, or with the shipped model while there is none.

    The payments are the last four weeks' whose labels are in, without what either learned from.

    :raises TooFewFrauds: there are too few to tell models apart
    """
    champion = RiskModel.objects.filter(status=ModelStatus.CHAMPION).first()
    end = now - DEFAULT_DELAY
    start = max([end - HOLDOUT, *map(_learned_until, filter(None, (candidate, champion)))])
    examples = list(read_examples(start=start, end=end, known_at=now))
    labels = np.array([example.is_fraud for example in examples], dtype=np.int8)
    frauds = int(labels.sum())
    if frauds < LEAST_FRAUDS:
        raise TooFewFrauds(frauds=frauds, needed=LEAST_FRAUDS)
    other = TreeModel(champion.read_artifact() if champion else read_default_artifact())
    features = [example.features for example in examples]
    ours = _margins(TreeModel(candidate.read_artifact()), features)
    theirs = _margins(other, features)
    return Comparison(
        other=other.version,
        payments=len(examples),
        frauds=frauds,
        average_precision=round(average_precision(labels, ours), 4),
        other_average_precision=round(average_precision(labels, theirs), 4),
        chance_worse=_chance_worse(labels, ours, theirs),
    )


def _learned_until(model: RiskModel) -> datetime:
    """Return the end of what it learned from; of a model that does not tell, when it was made."""
    told = model.metrics.get("learned_until")
    return datetime.fromisoformat(told) if told else model.created_at


def _margins(model: TreeModel, examples: Sequence[Mapping[str, float]]) -> Numbers:
    unknown = dict.fromkeys(NAMES, nan)
    return np.array([model.margin({**unknown, **features}) for features in examples])


def _chance_worse(labels: Numbers, ours: Numbers, theirs: Numbers) -> float:
    """Return in which share of samples, drawn with replacement, ours ranks worse (bootstrap)."""
    chance = np.random.default_rng(_SEED)
    worse = 0
    for _ in range(_DRAWS):
        drawn = chance.integers(0, len(labels), len(labels))
        if labels[drawn].any():
            gap = average_precision(labels[drawn], ours[drawn]) - average_precision(
                labels[drawn], theirs[drawn]
            )
            worse += gap < 0
    return worse / _DRAWS
