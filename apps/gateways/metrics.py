"""What calls to gateways count about themselves."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Histogram

from apps.gateways.circuit import CircuitOpen
from apps.gateways.errors import GatewayError, GatewayNotSent, GatewayRejected, GatewayUnknown

# Seconds; a call may take as long as a payment's whole budget.
_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_seconds = Histogram(
    "pay_processor_request_duration_seconds",
    "Calls of a processor, and what came of them.",
    ["processor", "op", "result"],
    buckets=_BUCKETS,
)

_RESULTS: tuple[tuple[type[GatewayError], str], ...] = (
    (CircuitOpen, "circuit_open"),
    (GatewayNotSent, "not_sent"),
    (GatewayUnknown, "unknown"),
    (GatewayRejected, "rejected"),
)


@contextmanager
def timed_call(processor: str, operation: str) -> Iterator[None]:
    """Time one call; an error of the gateway goes on to the caller."""
    started = time.perf_counter()
    result = "ok"
    try:
        yield
    except GatewayError as error:
        result = next((name for kind, name in _RESULTS if isinstance(error, kind)), "other")
        raise
    finally:
        taken = time.perf_counter() - started
        _seconds.labels(processor, operation, result).observe(taken)
