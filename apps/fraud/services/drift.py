"""Watch whether the payments of today are still like those the model started with."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import nan
from typing import Final

from prometheus_client import Metric

from apps.common.metrics import gauge
from apps.fraud.drift import stability_index
from apps.fraud.features import NAMES
from apps.fraud.models import Decision, Drift

# Too few payments say more about chance than about change.
LEAST: Final = 500
SAMPLE: Final = 5_000
RECENT: Final = timedelta(days=1)
# The score itself, beside the features it is made of.
SCORE: Final = "score"


def watch_drift(*, now: datetime) -> int:
    """
    Compare the last day with the first payments that today's model judged, once a day.

    Returns how many figures were kept: none when that was done today, or on too few payments.
    """
    latest = Decision.objects.exclude(model_version="").order_by("-id")
    version = latest.values_list("model_version", flat=True).first()
    if version is None or Drift.objects.filter(day=now.date(), model_version=version).exists():
        return 0
    judged = Decision.objects.filter(model_version=version)
    reference = _columns(judged.order_by("id")[:SAMPLE])
    recent = _columns(judged.filter(created_at__gte=now - RECENT).order_by("-id")[:SAMPLE])
    if min(len(reference[SCORE]), len(recent[SCORE])) < LEAST:
        return 0
    rows = [
        Drift(
            day=now.date(),
            model_version=version,
            feature=name,
            stability_index=round(stability_index(reference[name], recent[name]), 4),
            payments=len(recent[name]),
        )
        for name in (SCORE, *NAMES)
    ]
    Drift.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _columns(decisions: Iterable[Decision]) -> dict[str, list[float]]:
    """Return each feature's values as the decisions froze them; nan where there was none."""
    columns: dict[str, list[float]] = {name: [] for name in (SCORE, *NAMES)}
    for decision in decisions:
        columns[SCORE].append(nan if decision.score is None else float(decision.score))
        for name in NAMES:
            columns[name].append(float(decision.features.get(name, nan)))
    return columns


def measure_drift(_now: datetime) -> Iterable[Metric]:
    """Yield how far each feature of the latest day has moved."""
    latest = Drift.objects.order_by("-day").first()
    of_day = Drift.objects.filter(day=latest.day) if latest else Drift.objects.none()
    rows = of_day.values_list("feature", "stability_index")
    yield gauge(
        "fraud_feature_psi",
        "Population stability index of the last day.",
        [((feature,), float(index)) for feature, index in rows],
        ("feature",),
    )
