"""What gateways and routing rules look like in answers."""

from apps.api.shapes import (
    BOOLEAN,
    INTEGER,
    MAP,
    NUMBER_OR_NULL,
    OBJECTS,
    TEXT,
    TIME,
    Shape,
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
