"""
Train on the platform's own payments: a span to learn from, a gap as long as labels take, a test.

Needs requirements/ml.txt; only the training command imports this module.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from apps.fraud.errors import TooFewFrauds
from apps.fraud.features import NAMES
from apps.fraud.ranking import auc_roc, average_precision, recall_at_false_positives
from apps.fraud.training import Floats, Labels, train
from apps.fraud.training_data import Example, read_examples

# What of the good payments may be bothered when recall is told.
_FALSE_POSITIVE_SHARES: Final = (0.005, 0.01)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingPlan:
    """
    The span of payments to learn from, and how late their labels come.

    The last `holdout` of what can be judged at `end` is kept for the test; what the model learns
    ends `delay` before that, and only labels known by then count, as on that day.
    """

    start: datetime
    end: datetime
    delay: timedelta
    holdout: timedelta
    min_frauds: int

    @property
    def test_end(self) -> datetime:
        return self.end - self.delay

    @property
    def test_start(self) -> datetime:
        return self.test_end - self.holdout

    @property
    def train_end(self) -> datetime:
        return self.test_start - self.delay


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """The artifact with what the test said, and its card for people."""

    artifact: dict[str, Any]
    metrics: dict[str, Any]
    card: str


def train_on_history(plan: TrainingPlan) -> TrainingResult:
    """
    Train and test, in order of time.

    Cards known as defrauded before the test are left out of it: they would flatter the figures.

    :raises TooFewFrauds: fewer than the plan's least in the part to learn from, or none to test on
    """
    learned = list(read_examples(start=plan.start, end=plan.train_end, known_at=plan.test_start))
    frauds = sum(example.is_fraud for example in learned)
    known_cards = {example.card for example in learned if example.is_fraud and example.card}
    tested = [
        example
        for example in read_examples(start=plan.test_start, end=plan.test_end, known_at=plan.end)
        if example.card not in known_cards
    ]
    test_frauds = sum(example.is_fraud for example in tested)
    if frauds < plan.min_frauds or not 0 < test_frauds < len(tested):
        raise TooFewFrauds(frauds=min(frauds, test_frauds), needed=plan.min_frauds)
    rows, labels = _table(learned)
    test_rows, test_labels = _table(tested)
    trained = train(rows, labels, holdout=(test_rows, test_labels))
    margins = np.asarray(trained.booster.predict(test_rows, raw_score=True))
    metrics = {
        "learned_until": plan.train_end.isoformat(),
        "trained_on": len(learned),
        "trained_frauds": frauds,
        "tested_on": len(tested),
        "tested_frauds": test_frauds,
        "auc_roc": round(auc_roc(test_labels, margins), 4),
        "average_precision": round(average_precision(test_labels, margins), 4),
        **{
            f"recall_at_{share:.1%}_false_positives": round(
                recall_at_false_positives(test_labels, margins, share=share), 4
            )
            for share in _FALSE_POSITIVE_SHARES
        },
    }
    return TrainingResult(trained.artifact, metrics, _card(plan, metrics))


def _table(examples: list[Example]) -> tuple[Floats, Labels]:
    rows = [[example.features.get(name, np.nan) for name in NAMES] for example in examples]
    labels = [example.is_fraud for example in examples]
    return np.array(rows, dtype=np.float64), np.array(labels, dtype=np.int8)


def _card(plan: TrainingPlan, metrics: dict[str, Any]) -> str:
    """Return the model's card: where it comes from, how good it is, what it cannot know."""
    figures = "\n".join(f"- {name}: {value}" for name, value in metrics.items())
    return f"""# Risk model
Learned from payments of {plan.start:%Y-%m-%d} to {plan.train_end:%Y-%m-%d}, tested on
{plan.test_start:%Y-%m-%d} to {plan.test_end:%Y-%m-%d}; a label counts {plan.delay.days} days late.
{figures}

Limits: blocked payments have no outcome and are not learned from. Labels are the word of banks and
staff, which may be wrong. The test leaves out cards known as defrauded. Real fraud is rarer and
harder than in published simulations: an average precision of 0.1 is good there.
"""
