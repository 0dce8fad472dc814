"""
Repeat the published protocol of the Fraud-Detection Handbook with the product's own code.

    python benchmarks/fraud.py DATA.csv.gz --predictions OUT.csv [--first-day 94] [--weeks 4]

DATA is the Handbook's simulated history (tx_id, t, card, terminal, amount_cents, fraud), which is
not part of this repository. For each test week a model is trained on all earlier days whose labels
are known, 7 days after the payment; OUT holds a score for every payment of the test weeks. Needs
requirements/ml.txt. With --default the model is the shipped one, which never saw this data.

Metrics are the Handbook's: cards known as defrauded are left out of a test week; card precision
asks how many of the 100 riskiest cards of a day were defrauded, among those not found before.
Source: Le Borgne, Siblini, Lebichot, Bontempi, "Reproducible Machine Learning for Credit Card
Fraud Detection - Practical Handbook", 2022, chapters 3 to 5.
"""

import argparse
import csv
import gzip
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from apps.fraud.features import NAMES
from apps.fraud.profiles import SECONDS_PER_DAY
from apps.fraud.ranking import Numbers, auc_roc, average_precision, card_precision
from apps.fraud.replay import Purchase, replay
from apps.fraud.scoring.trees import TreeModel
from apps.fraud.training import train

DELAY_DAYS = 7
WEEK = 7
TOP_CARDS = 100
# The first weeks only fill the profiles; training on them would teach what a cold start looks like.
WARM_UP_DAYS = 20
# A model that ranks every knowable fraud first reaches about this. More means a leak.
CEILING = 0.77

# AUC ROC, average precision, card precision@100, as published.
PUBLISHED = {
    "XGBoost, validation weeks, best parameters (ch. 5)": (0.887, 0.708, 0.289),
    "XGBoost, test weeks, best parameters (ch. 5)": (0.869, 0.687, 0.303),
    "random forest, test weeks (ch. 5)": (0.870, 0.678, 0.299),
    "logistic regression, test weeks (ch. 5)": (0.868, 0.623, 0.297),
    "balanced bagging (ch. 6), card precision": (float("nan"), float("nan"), 0.305),
    "feed-forward network (ch. 7)": (0.876, 0.675, 0.303),
    "random scores": (0.5, 0.007, 0.017),
}


def read(path: str) -> Iterator[Purchase]:
    """Return the purchases in order of time; a label is known 7 days after its purchase."""
    with gzip.open(path, "rt", newline="") as lines:
        for row in csv.DictReader(lines):
            at = int(row["t"])
            known_at = at + DELAY_DAYS * SECONDS_PER_DAY if row["fraud"] == "1" else None
            yield Purchase(
                int(row["tx_id"]), at, row["card"], row["terminal"], int(row["amount_cents"]),
                known_at,
            )  # fmt: skip


def build(purchases: list[Purchase]) -> Numbers:
    """Return the features of all purchases but the first weeks', as the product computes them."""
    rows = np.full((len(purchases), len(NAMES)), np.nan, dtype=np.float32)
    place = {purchase.id: index for index, purchase in enumerate(purchases)}
    for purchase, features in replay(purchases, from_day=WARM_UP_DAYS):
        rows[place[purchase.id]] = list(features.values())
    return rows


def kept(day: Numbers, card: Numbers, fraud: Numbers, first_day: int) -> Numbers:
    """Mark the test week's purchases of cards that were not known as defrauded on their day."""
    start = first_day - DELAY_DAYS - WEEK
    known = set(card[(day >= start) & (day < start + WEEK) & fraud])
    mask = np.zeros(len(day), dtype=bool)
    for offset in range(WEEK):
        known |= set(card[(day == start + WEEK + offset - 1) & fraud])
        mask |= (day == first_day + offset) & ~np.isin(card, list(known))
    return mask


def score_week(
    rows: Numbers, fraud: Numbers, day: Numbers, first_day: int, default: TreeModel | None
) -> tuple[Numbers, Numbers]:
    """Return a raw score for each purchase of the week, from a model that knows nothing later."""
    week = (day >= first_day) & (day < first_day + WEEK)
    if default is not None:
        return week, np.array(
            [default.margin(dict(zip(NAMES, row, strict=True))) for row in rows[week].tolist()]
        )
    past = (day >= WARM_UP_DAYS) & (day < first_day - DELAY_DAYS)
    trained = train(rows[past].astype(np.float64), fraud[past].astype(np.int8))
    return week, np.asarray(trained.booster.predict(rows[week].astype(np.float64), raw_score=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--more", help="a later part of the same history, with labels")
    parser.add_argument("--predictions")
    parser.add_argument("--first-day", type=int, default=94)
    parser.add_argument("--weeks", type=int, default=4)
    parser.add_argument("--default", action="store_true", help="score with the shipped model")
    options = parser.parse_args()

    started = time.perf_counter()
    purchases = [*read(options.data), *(read(options.more) if options.more else ())]
    day = np.array([purchase.at // SECONDS_PER_DAY for purchase in purchases])
    card = np.array([int(purchase.card) for purchase in purchases])
    fraud = np.array([purchase.known_at is not None for purchase in purchases])
    rows = build(purchases)
    seconds = time.perf_counter() - started
    print(f"{len(purchases):,} payments, {len(NAMES)} features, {seconds:.0f} s")

    default = None
    if options.default:
        from apps.fraud.default_model import read_default_artifact

        default = TreeModel(read_default_artifact())
    scores = np.full(len(purchases), -1e9)
    results = []
    for week in range(options.weeks):
        first_day = options.first_day + WEEK * week
        tested, scores[tested] = score_week(rows, fraud, day, first_day, default)
        mask = kept(day, card, fraud, first_day)
        result = (
            auc_roc(fraud[mask], scores[mask]),
            average_precision(fraud[mask], scores[mask]),
            card_precision(day[mask], card[mask], fraud[mask], scores[mask], top=TOP_CARDS),
        )
        results.append(result)
        print(json.dumps({"first_day": first_day, "rows": int(mask.sum()),
                          "frauds": int(fraud[mask].sum()),
                          "auc_roc": round(result[0], 4),
                          "average_precision": round(result[1], 4),
                          "card_precision_100": round(result[2], 4)}), flush=True)  # fmt: skip
    mean = np.mean(results, axis=0)
    print(f"\n{'AUC ROC':>60} {'AP':>7} {'CP@100':>7}")
    for name, figures in {"this platform": tuple(mean), **PUBLISHED}.items():
        print(f"{name:>52} {figures[0]:7.3f} {figures[1]:7.3f} {figures[2]:7.3f}")
    if mean[1] > CEILING:
        sys.exit(f"average precision {mean[1]:.3f} is above what can be known: there is a leak")
    if options.predictions:
        with Path(options.predictions).open("w") as out:
            out.write("tx_id,score\n")
            for purchase, score in zip(purchases, scores.tolist(), strict=True):
                if score > -1e9:
                    out.write(f"{purchase.id},{score!r}\n")


if __name__ == "__main__":
    main()
