"""How each gateway did lately, and taking one out of use by hand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final, cast

from django.conf import settings
from django.utils.module_loading import import_string

from apps.common.errors import InvalidParameter
from apps.gateways.calls import circuit_breaker
from apps.gateways.circuit import CircuitState
from apps.gateways.registry import gateway_names

# What rests when a gateway is taken out: new payments. What it holds is still captured, voided and
# refunded there, since no other gateway could.
NEW_PAYMENTS: Final = "create"
LONGEST_REST: Final = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayRecord:
    """
    What became of a gateway's latest attempts.

    `faults` are attempts without an answer. The slowest twentieth took longer than `p95_ms`.
    `left_at` is when a payment last went on to another gateway.
    """

    attempts: int = 0
    faults: int = 0
    p95_ms: int | None = None
    left_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayState:
    """A gateway now: its record, its share of all attempts in per cent, and its circuit."""

    name: str
    record: GatewayRecord
    share_percent: int
    circuit: CircuitState


def read_gateway_states(*, now: datetime) -> list[GatewayState]:
    """Return all gateways in the order of the settings."""
    records: Mapping[str, GatewayRecord] = _records(settings.GATEWAY_RECORDS)(now=now)
    total = sum(record.attempts for record in records.values())
    return [
        GatewayState(
            name=name,
            record=(record := records.get(name, GatewayRecord())),
            share_percent=record.attempts * 100 // total if total else 0,
            circuit=circuit_breaker().state(gateway=name, operation=NEW_PAYMENTS, now=now),
        )
        for name in gateway_names()
    ]


def take_out(*, gateway: str, until: datetime, now: datetime) -> None:
    """
    Send new payments elsewhere until then; within a second all processes do.

    :raises InvalidParameter: no such gateway, the last one in use, or too long a rest
    """
    if gateway not in gateway_names():
        raise InvalidParameter(f"There is no gateway {gateway}.", param="gateway")
    if until - now > LONGEST_REST:
        raise InvalidParameter("A gateway rests for a day at most.", param="until")
    others = [each for each in read_gateway_states(now=now) if each.name != gateway]
    if all(each.circuit != CircuitState.CLOSED for each in others):
        raise InvalidParameter("No other gateway takes payments now.", param="gateway")
    circuit_breaker().rest(gateway=gateway, operation=NEW_PAYMENTS, until=until, now=now)


def take_back(*, gateway: str, now: datetime) -> None:
    """Send payments to a gateway again that rests, whoever or whatever made it rest."""
    circuit_breaker().close(gateway=gateway, operation=NEW_PAYMENTS, now=now)


@cache
def _records(path: str) -> Callable[..., Mapping[str, GatewayRecord]]:
    """Ask who settings name: attempts lie above gateways."""
    return cast("Callable[..., Mapping[str, GatewayRecord]]", import_string(path))
