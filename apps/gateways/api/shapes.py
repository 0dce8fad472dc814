"""What gateways and routing rules look like in answers."""

from apps.api.shapes import (
    AMOUNT,
    BOOLEAN,
    INTEGER,
    MAP,
    NUMBER,
    NUMBER_OR_NULL,
    OBJECTS,
    TEXT,
    TIME,
    TIME_OR_NULL,
    Shape,
    record,
    records,
)

ROUTING_RULE = Shape(
    "RoutingRule",
    "routing.rule",
    {
        "id": TEXT,
        "active": BOOLEAN,
        "conditions": MAP,
        "created": TIME,
        "livemode": BOOLEAN,
        "name": TEXT,
        "priority": INTEGER,
        "version": INTEGER,
        "weights": OBJECTS,
    },
)
GATEWAY = Shape(
    "Gateway",
    "gateway",
    {
        "id": TEXT,
        "circuits": MAP,
        "fee_fixed": INTEGER,
        "fee_per_mille": INTEGER,
        "kind": TEXT,
        "latest_payments": INTEGER,
        "status": TEXT,
        "success_percent": NUMBER_OR_NULL,
    },
)
_COST = records({"amount": AMOUNT, "currency": TEXT})
_OUTLOOK = record(
    {
        "cost": _COST,
        "expected_success_percent": NUMBER_OR_NULL,
        "gateways": records({"gateway": TEXT, "payments": INTEGER, "share_percent": NUMBER}),
        "unroutable": INTEGER,
    }
)
ROUTING_SIMULATION = Shape(
    "RoutingSimulation",
    "routing.simulation",
    {
        "actual": _OUTLOOK,
        "candidate": _OUTLOOK,
        "difference": record({"cost": _COST, "expected_success_points": NUMBER_OR_NULL}),
        "in_force": _OUTLOOK,
        "moved": INTEGER,
        "payments": INTEGER,
        "since": TIME_OR_NULL,
        "until": TIME_OR_NULL,
    },
)
