"""
How far today's payments are from those the model started with: the population stability index.

PSI compares two histograms: the sum over bins of (now - then) * ln(now / then). Below 0.1 nothing
has moved, above 0.25 the model judges another world than it learned. Pure arithmetic.
Source: Siddiqi, Credit Risk Scorecards
"""

from bisect import bisect_right
from collections.abc import Sequence
from math import isnan, log
from typing import Final

WARN: Final = 0.1
ALERT: Final = 0.25
BINS: Final = 10
# An empty bin counts as this share, since the logarithm of nothing is none.
_LEAST_SHARE: Final = 0.0005


def stability_index(reference: Sequence[float], recent: Sequence[float]) -> float:
    """Return the PSI of two samples over the tenths of the first; nan counts as a value too."""
    edges = _edges(reference)
    then, now = _shares(reference, edges), _shares(recent, edges)
    return sum((b - a) * log(b / a) for a, b in zip(then, now, strict=True))


def _edges(values: Sequence[float]) -> list[float]:
    ordered = sorted(value for value in values if not isnan(value))
    if not ordered:
        return []
    cuts = {ordered[len(ordered) * place // BINS] for place in range(1, BINS)}
    return sorted(cuts)


def _shares(values: Sequence[float], edges: Sequence[float]) -> list[float]:
    """Return each bin's share; the last bin is for values that are not known."""
    counts = [0] * (len(edges) + 2)
    for value in values:
        counts[-1 if isnan(value) else bisect_right(edges, value)] += 1
    total = len(values) or 1
    return [max(count / total, _LEAST_SHARE) for count in counts]
