"""
What the database knows, as metrics: gauges that are asked for when somebody looks.

Counters live in the processes that count, in each app's `metrics.py`; every process shows all of
them, at zero if it counts none. A gauge such as "dead letters" is a question to the database
instead, the same from whichever process answers it, so it is put when Prometheus asks. The sources
are named in `METRIC_SOURCES`.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import Final

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules, import_string
from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Metric,
    generate_latest,
    start_http_server,
)
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from apps.common.shared_counters import FOLDER_VARIABLE

# Several Prometheus servers, or an impatient one, ask the database no more often than this.
KEEP_SECONDS: Final = 10

Source = Callable[[datetime], Iterable[Metric]]


def gauge(
    name: str, text: str, rows: Iterable[tuple[tuple[str, ...], float]], labels: tuple[str, ...]
) -> Metric:
    """Return one gauge with a value for each row of labels; base units, bounded labels."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(list(values), value)
    return family


class SourceCollector(Collector):
    """Asks all sources, and remembers the answers for KEEP_SECONDS."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._answers: list[Metric] = []

    def collect(self) -> Iterator[Metric]:
        """Yield what every source says."""
        with self._lock:
            if time.monotonic() - self._asked_at > KEEP_SECONDS:
                now = timezone.now()
                sources: list[Source] = [import_string(path) for path in settings.METRIC_SOURCES]
                self._answers = [metric for source in sources for metric in source(now)]
                self._asked_at = time.monotonic()
            yield from self._answers

    def describe(self) -> Iterator[Metric]:
        """Say nothing beforehand: registering must not ask the database."""
        return iter(())

    def forget(self) -> None:
        """Ask anew next time."""
        self._asked_at = float("-inf")


sources = SourceCollector()


class ProcessCollector(Collector):
    """All that a process without HTTP of its own shows, on a connection that it gives back."""

    def collect(self) -> Iterator[Metric]:
        """Yield what this process counted, then what the database says."""
        yield from _counters().collect()
        try:
            yield from list(sources.collect())
        finally:
            # A scrape has a thread of its own, which ends with it.
            connection.close()

    def describe(self) -> Iterator[Metric]:
        """Say nothing beforehand: registering must not ask the database."""
        return iter(())


class SharedCollector(Collector):
    """What all processes with the same folder counted, and by name what none of them did yet."""

    def collect(self) -> Iterator[Metric]:
        """Yield the sums, then the other metrics without a value."""
        counted: dict[str, Metric] = {
            metric.name: metric
            for metric in MultiProcessCollector(None).collect()  # type: ignore[no-untyped-call]
        }
        yield from counted.values()
        yield from (
            metric
            for metric in REGISTRY.collect()
            if metric.name not in counted and not metric.samples
        )

    def describe(self) -> Iterator[Metric]:
        """Say nothing beforehand: registering must not read the folder."""
        return iter(())


_sources_registry = CollectorRegistry()
_sources_registry.register(sources)


def render_metrics() -> bytes:
    """Return what this host's processes counted, then what the database says."""
    _load_counters()
    return generate_latest(_counters()) + generate_latest(_sources_registry)


def serve_metrics() -> None:
    """Answer Prometheus on METRICS_PORT, for processes that serve no HTTP; 0 is for none."""
    if settings.METRICS_PORT:
        _load_counters()
        registry = CollectorRegistry()
        registry.register(ProcessCollector())
        start_http_server(settings.METRICS_PORT, registry=registry)


@cache
def _load_counters() -> None:
    """Import the counters of all apps: a process has none that its own work did not load."""
    autodiscover_modules("metrics")


def _counters() -> CollectorRegistry:
    if FOLDER_VARIABLE not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    registry.register(SharedCollector())
    return registry
