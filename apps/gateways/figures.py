"""How the gateways stand, for Prometheus."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from prometheus_client import Metric

from apps.common.metrics import gauge
from apps.gateways.calls import circuit_breaker
from apps.gateways.registry import gateway_names

# The operations that have a circuit of their own.
OPERATIONS: Final = ("create", "poll", "increment", "capture", "void", "refund", "payout")


def measure_circuits(now: datetime) -> Iterable[Metric]:
    """Yield each circuit's state: 0 closed, 1 being tried, 2 open."""
    breaker = circuit_breaker()
    rows = [
        ((name, operation), float(breaker.state(gateway=name, operation=operation, now=now)))
        for name in gateway_names()
        for operation in OPERATIONS
    ]
    yield gauge("pay_circuit_state", "0 closed, 1 being tried, 2 open.", rows, ("processor", "op"))
