"""
Score with gradient-boosted trees that are plain JSON: no library, no pickle, no native code.

Training exports them (apps/fraud/training.py); a test holds them equal to the trainer's own sums.
"""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from apps.fraud.features import NAMES, reason_for

FORMAT: Final = 1
MAX_SCORE: Final = 99
_REASONS_SHOWN: Final = 5

# What a node is: (feature, threshold, left, right, value); a leaf has the feature -1.
Node = tuple[int, float, int, int, float]


class ModelUnreadable(ValueError):
    """The artifact is of another form, or needs features that this release does not have."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A story that raised the score, in words, with its share of the raw score."""

    words: str
    weight: float


@dataclass(frozen=True, slots=True)
class Score:
    """`value` is 0 to 99; `probability` is calibrated; reasons come with the strongest first."""

    value: int
    probability: float
    reasons: tuple[Reason, ...]


class TreeModel:
    """A trained model, as its artifact describes it."""

    def __init__(self, artifact: Mapping[str, Any]) -> None:
        """:raises ModelUnreadable: it is of another form, damaged, or wants unknown features"""
        names = artifact.get("features", [])
        missing = sorted(set(names) - set(NAMES))
        if artifact.get("format") != FORMAT or missing:
            raise ModelUnreadable(f"format {artifact.get('format')}, unknown features {missing}")
        try:
            self._read(artifact)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelUnreadable(f"the artifact is damaged: {error!r}") from error

    def _read(self, artifact: Mapping[str, Any]) -> None:
        self.version = str(artifact["version"])
        self.names: list[str] = list(artifact["features"])
        self._trees: list[list[Node]] = [
            _read_tree(tree, features=len(self.names)) for tree in artifact["trees"]
        ]
        self._cuts: list[float] = [float(cut) for cut in artifact["score_cuts"]]
        self._calibration: list[tuple[float, float]] = [
            (float(margin), float(probability)) for margin, probability in artifact["calibration"]
        ]
        self._stories = [reason_for(name) for name in self.names]

    def margin(self, features: Mapping[str, float]) -> float:
        """Return the raw score: the sum over the trees of the leaf the features lead to."""
        values = [features[name] for name in self.names]
        return math.fsum(self._leaf(tree, values)[4] for tree in self._trees)

    def score(self, features: Mapping[str, float]) -> Score:
        """Return the score with its reasons."""
        values = [features[name] for name in self.names]
        margin, weights = self._walk(values)
        found = sorted(
            ((weight, words) for words, weight in weights.items() if weight > 0), reverse=True
        )
        return Score(
            value=min(bisect_right(self._cuts, margin), MAX_SCORE),
            probability=self.probability(margin),
            reasons=tuple(
                Reason(words, round(weight, 4)) for weight, words in found[:_REASONS_SHOWN]
            ),
        )

    def probability(self, margin: float) -> float:
        """Return the calibrated share of frauds among purchases with this raw score."""
        points = self._calibration
        place = bisect_right(points, (margin, math.inf))
        if place == 0 or place == len(points):
            return points[min(place, len(points) - 1)][1]
        (left, low), (right, high) = points[place - 1], points[place]
        return low + (high - low) * (margin - left) / (right - left)

    @staticmethod
    def _leaf(tree: Sequence[Node], values: Sequence[float]) -> Node:
        node = tree[0]
        while node[0] >= 0:
            node = tree[node[2] if values[node[0]] <= node[1] else node[3]]
        return node

    def _walk(self, values: Sequence[float]) -> tuple[float, Mapping[str, float]]:
        """Sum the leaves; credit each step's change of the expected value to its feature."""
        weights: defaultdict[str, float] = defaultdict(float)
        leaves = []
        for tree in self._trees:
            node = tree[0]
            while node[0] >= 0:
                following = tree[node[2] if values[node[0]] <= node[1] else node[3]]
                weights[self._stories[node[0]]] += following[4] - node[4]
                node = following
            leaves.append(node[4])
        return math.fsum(leaves), weights


def _read_tree(rows: Sequence[Sequence[Any]], *, features: int) -> list[Node]:
    """Return the nodes; each leads on to later ones only, so that every walk ends."""
    nodes: list[Node] = []
    for place, (feature, threshold, left, right, value) in enumerate(rows):
        leads_on = place < min(left, right) and max(left, right) < len(rows)
        if feature >= features or (feature >= 0 and not leads_on):
            raise ValueError(f"node {place} leads nowhere")
        nodes.append((int(feature), float(threshold), int(left), int(right), float(value)))
    if not nodes:
        raise ValueError("a tree has no node")
    return nodes


def score_cuts(margins: Sequence[float], *, review_share: float, block_share: float) -> list[float]:
    """
    Return the raw scores at which the score counts up, from those of a held-out period.

    65 is reached by `review_share` of all payments and 75 by `block_share`, so that a score means
    the same after every training; in between and beyond, scores are spread over the quantiles.
    """
    ordered = sorted(margins)
    shares = [
        *(1 - (1 - review_share) * place / 65 for place in range(1, 66)),
        *(review_share * (block_share / review_share) ** (place / 10) for place in range(1, 11)),
        *(block_share * (1 - place / 25) for place in range(1, 25)),
    ]
    cuts: list[float] = []
    for share in shares:
        place = min(len(ordered) - 1, int(len(ordered) * (1 - share)))
        cut = ordered[place]
        # Each cut lies above the one before, also where many purchases share one raw score.
        cuts.append(cut if not cuts or cut > cuts[-1] else math.nextafter(cuts[-1], math.inf))
    return cuts
