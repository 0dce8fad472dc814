"""How good a ranking of payments is; ties count as chance would have them."""

from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[Any]


def auc_roc(fraud: Numbers, score: Numbers) -> float:
    """Return the chance that a fraud has a higher score than a good payment."""
    is_fraud = fraud.astype(bool)
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    ends = np.r_[starts[1:], len(ranked)]
    ranks = np.empty(len(ranked))
    ranks[order] = np.repeat((starts + 1 + ends) / 2.0, ends - starts)
    frauds = int(is_fraud.sum())
    above = ranks[is_fraud].sum() - frauds * (frauds + 1) / 2
    return float(above / (frauds * (len(fraud) - frauds)))


def average_precision(fraud: Numbers, score: Numbers) -> float:
    """Return the precision averaged over the recall."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    hits = np.cumsum(fraud.astype(bool)[order])[last]
    return float(np.sum(np.diff(np.r_[0.0, hits / fraud.sum()]) * hits / (last + 1.0)))


def recall_at_false_positives(fraud: Numbers, score: Numbers, *, share: float) -> float:
    """Return the share of frauds found when `share` of the good payments are bothered."""
    is_fraud = fraud.astype(bool)
    good = np.sort(score[~is_fraud])
    limit = good[min(len(good) - 1, int(len(good) * (1 - share)))]
    return float((score[is_fraud] > limit).mean())


def card_precision(
    day: Numbers, card: Numbers, fraud: Numbers, score: Numbers, *, top: int
) -> float:
    """Return the share of defrauded cards among each day's riskiest, without those found before."""
    is_fraud = fraud.astype(bool)
    found: Numbers = np.array([], dtype=card.dtype)
    daily = []
    for today in np.unique(day):
        now = (day == today) & ~np.isin(card, found)
        ids, inverse = np.unique(card[now], return_inverse=True)
        best = np.full(len(ids), -np.inf)
        np.maximum.at(best, inverse, score[now])
        defrauded = np.zeros(len(ids), dtype=bool)
        np.logical_or.at(defrauded, inverse, is_fraud[now])
        riskiest = np.argsort(-best, kind="stable")[:top]
        hits = ids[riskiest][defrauded[riskiest]]
        daily.append(len(hits) / top)
        found = np.union1d(found, hits)
    return float(np.mean(daily))
