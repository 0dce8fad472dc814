"""What the API counts about itself."""

import time
from functools import cache
from typing import Final

from prometheus_client import Counter, Histogram

# Seconds; fine where requests without a gateway are, coarse where gateways are.
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_requests = Counter(
    "api_requests", "Requests answered by the API.", ["resource", "method", "status"]
)
_seconds = Histogram(
    "api_request_seconds", "Time to answer.", ["resource", "method"], buckets=_BUCKETS
)

_idempotency = Counter("pay_idempotency", "Requests by what their key had met.", ["result"])


def count_key(result: str) -> None:
    """Count an idempotency key: `new`, `replay`, `conflict` or `in_flight`."""
    _idempotency.labels(result).inc()


def count_request(resource: str, method: str, status: int, started: float) -> None:
    """Count one answered request; `started` is of `time.perf_counter`."""
    verb = method if method in ("GET", "POST", "DELETE") else "other"
    requests, seconds = _series(resource, verb, status)
    requests.inc()
    seconds.observe(time.perf_counter() - started)


@cache
def _series(resource: str, verb: str, status: int) -> tuple[Counter, Histogram]:
    return _requests.labels(resource, verb, status), _seconds.labels(resource, verb)
