"""
Train a model: lightgbm finds the trees, plain JSON carries them.

Needs requirements/ml.txt. Only the training commands and benchmarks import this module; the
processes that answer payers score with apps/fraud/scoring/trees.py alone.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import lightgbm
import numpy as np
import numpy.typing as npt

from apps.fraud.features import ABSOLUTE, NAMES
from apps.fraud.profiles import SECONDS_PER_DAY
from apps.fraud.replay import replay
from apps.fraud.scoring.trees import FORMAT, score_cuts
from apps.fraud.synthetic import make_world

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8]

# What the score stands for: 1 % of payments reach 65 and 0.2 % reach 75.
REVIEW_SHARE: Final = 0.01
BLOCK_SHARE: Final = 0.002

_CALIBRATION_POINTS: Final = 20

# The shipped model has to stay small enough to be read in a review.
_DEFAULT_TREES: Final = 60
_DEFAULT_WARM_UP_DAYS: Final = 30
_DEFAULT_HOLDOUT_DAY: Final = 120

# More of these can only mean more risk; the trees must not learn otherwise from noise.
_RISING: Final = ("frauds", "risk")

PARAMETERS: Final[Mapping[str, Any]] = {
    "objective": "binary",
    "learning_rate": 0.03,
    "num_leaves": 15,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 255,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 2,
    "seed": 7,
    "verbosity": -1,
}
TREES: Final = 300


@dataclass(frozen=True, slots=True)
class Trained:
    """The trainer's own model, and the artifact that scores the same."""

    booster: lightgbm.Booster
    artifact: dict[str, Any]


def train(
    rows: Floats,
    labels: Labels,
    *,
    names: Sequence[str] = NAMES,
    holdout: tuple[Floats, Labels] | None = None,
    trees: int = TREES,
    parameters: Mapping[str, Any] | None = None,
) -> Trained:
    """
    Train on rows of features, in the order of `names`, with labels 0 or 1.

    The score's scale and the calibration come from `holdout`, a later period, or from the rows.
    """
    options = {
        **PARAMETERS,
        "monotone_constraints": [_direction(name) for name in names],
        **(parameters or {}),
    }
    data = lightgbm.Dataset(rows, label=labels, feature_name=list(names), free_raw_data=True)
    booster = lightgbm.train(options, data, num_boost_round=trees)
    later_rows, later_labels = holdout if holdout is not None else (rows, labels)
    margins = booster.predict(later_rows, raw_score=True)
    return Trained(booster, _export(booster, names, np.asarray(margins), later_labels))


def _direction(name: str) -> int:
    return int(any(f"_{rising}_" in name for rising in _RISING))


def _export(
    booster: lightgbm.Booster, names: Sequence[str], margins: Floats, labels: Labels
) -> dict[str, Any]:
    dumped = booster.dump_model()
    artifact: dict[str, Any] = {
        "format": FORMAT,
        "features": list(names),
        "trees": [_flatten(tree["tree_structure"]) for tree in dumped["tree_info"]],
        "score_cuts": score_cuts(
            margins.tolist(), review_share=REVIEW_SHARE, block_share=BLOCK_SHARE
        ),
        "calibration": calibrate(margins, labels),
    }
    artifact["version"] = digest_of(artifact)[:12]
    return artifact


def train_default(*, seed: int) -> dict[str, Any]:
    """
    Return the artifact of the shipped model: small, and without absolute amounts.

    The made-up world's first month only fills the profiles; the last month scales the score.
    """
    names = [name for name in NAMES if name not in ABSOLUTE]
    rows, labels, days = [], [], []
    for purchase, features in replay(make_world(seed), from_day=_DEFAULT_WARM_UP_DAYS):
        rows.append([features[name] for name in names])
        labels.append(purchase.known_at is not None)
        days.append(purchase.at // SECONDS_PER_DAY)
    table, truth = np.array(rows, dtype=np.float64), np.array(labels, dtype=np.int8)
    later = np.array(days) >= _DEFAULT_HOLDOUT_DAY
    trained = train(
        table[~later],
        truth[~later],
        names=names,
        holdout=(table[later], truth[later]),
        trees=_DEFAULT_TREES,
        parameters={"learning_rate": 0.08, "num_leaves": 8},
    )
    return _compact(trained.artifact)


def _compact(artifact: dict[str, Any]) -> dict[str, Any]:
    """Round what a score does not need to the last digit, so that the file stays small."""
    artifact["trees"] = [
        [[feature, float(f"{threshold:.9g}"), left, right, round(value, 6)]
         for feature, threshold, left, right, value in tree]
        for tree in artifact["trees"]
    ]  # fmt: skip
    for name in ("score_cuts", "calibration"):
        artifact[name] = json.loads(
            json.dumps(artifact[name]), parse_float=lambda text: round(float(text), 6)
        )
    artifact["version"] = f"default-{digest_of(artifact)[:8]}"
    return artifact


def digest_of(artifact: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the artifact's trees and scales."""
    content = {name: value for name, value in artifact.items() if name not in {"version", "card"}}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _flatten(root: Mapping[str, Any]) -> list[list[float]]:
    """Return the tree as a list of nodes, the root first."""
    nodes: list[list[float]] = []

    def add(node: Mapping[str, Any]) -> int:
        place = len(nodes)
        nodes.append([])
        if "leaf_value" in node:
            nodes[place] = [-1, 0, 0, 0, node["leaf_value"]]
            return place
        if node["decision_type"] != "<=":
            raise ValueError(f"cannot export a split of kind {node['decision_type']}")
        left, right = add(node["left_child"]), add(node["right_child"])
        nodes[place] = [
            node["split_feature"], node["threshold"], left, right, node["internal_value"],
        ]  # fmt: skip
        return place

    add(root)
    return nodes


def calibrate(margins: Floats, labels: Labels) -> list[tuple[float, float]]:
    """
    Return points (raw score, share of frauds) which rise: isotonic regression over equal groups.

    A straight line between them turns a raw score into a probability.
    """
    order = np.argsort(margins, kind="stable")
    # Most of what matters is at the risky end, so the groups get smaller towards it.
    edges = [int(len(order) * (1 - 0.5**place)) for place in range(_CALIBRATION_POINTS)]
    groups: list[tuple[float, float, int]] = []
    for start, end in zip(edges, [*edges[1:], len(order)], strict=True):
        if end <= start:
            continue
        part = order[start:end]
        groups.append((float(margins[part].mean()), float(labels[part].mean()), len(part)))
        while len(groups) > 1 and groups[-2][1] > groups[-1][1]:
            (left, low, few), (right, high, many) = groups[-2:]
            size = few + many
            groups[-2:] = [
                ((left * few + right * many) / size, (low * few + high * many) / size, size)
            ]
    return [(margin, share) for margin, share, _ in groups]
