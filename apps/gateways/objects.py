"""How gateways and routing rules look in the API."""

from datetime import datetime
from typing import Any

from apps.gateways.calls import circuit_breaker
from apps.gateways.figures import OPERATIONS
from apps.gateways.models import RoutingRule
from apps.gateways.rates import read_rates
from apps.gateways.routing import Candidate, Rate


def render_routing_rule(rule: RoutingRule) -> dict[str, Any]:
    """Return the rule as `routing.rule`."""
    return {
        "id": rule.id,
        "object": "routing.rule",
        "active": rule.is_active,
        "conditions": {
            "amount_from": rule.amount_from,
            "amount_to": rule.amount_to,
            "brands": rule.brands,
            "countries": rule.countries,
            "currencies": [each.lower() for each in rule.currencies],
            "method_types": rule.method_types,
            "sellers": rule.sellers,
        },
        "created": int(rule.created_at.timestamp()),
        "livemode": rule.livemode,
        "name": rule.name,
        "priority": rule.priority,
        "version": rule.version,
        "weights": [
            {"gateway": gateway, "weight": weight} for gateway, weight in rule.weights.items()
        ],
    }


def render_gateway(candidate: Candidate, *, now: datetime) -> dict[str, Any]:
    """Return how a gateway account fares, as `gateway`; its name is its id."""
    breaker = circuit_breaker()
    circuits = {
        operation: breaker.state(gateway=candidate.name, operation=operation, now=now).name.lower()
        for operation in OPERATIONS
    }
    rate = read_rates().get(candidate.name, Rate(0, 0))
    return {
        "id": candidate.name,
        "object": "gateway",
        "circuits": circuits,
        "fee_fixed": candidate.fee_fixed,
        "fee_per_mille": candidate.fee_per_mille,
        "kind": candidate.kind,
        "latest_payments": rate.calls,
        "status": "healthy" if set(circuits.values()) == {"closed"} else "resting",
        "success_percent": round(rate.percent, 1) if rate.calls else None,
    }
