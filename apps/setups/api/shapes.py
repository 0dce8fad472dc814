"""What setup intents look like in answers."""

from apps.api.shapes import (
    BOOLEAN,
    EXPANDABLE,
    MAP_OR_NULL,
    METADATA,
    TEXT,
    TEXT_OR_NULL,
    TEXTS,
    TIME,
    ListOf,
    Shape,
    one_of,
)
from apps.setups.states import SetupStatus, Usage

SETUP_INTENT = Shape(
    "SetupIntent",
    "setup_intent",
    {
        "id": TEXT,
        "automatic_payment_methods": MAP_OR_NULL,
        "cancellation_reason": TEXT_OR_NULL,
        "client_secret": TEXT,
        "created": TIME,
        "customer": EXPANDABLE,
        "description": TEXT_OR_NULL,
        "last_setup_error": MAP_OR_NULL,
        "livemode": BOOLEAN,
        "metadata": METADATA,
        "next_action": MAP_OR_NULL,
        "payment_method": EXPANDABLE,
        "payment_method_types": TEXTS,
        "status": one_of(SetupStatus.values),
        "usage": one_of(Usage.values),
    },
)
SETUP_INTENTS = ListOf(SETUP_INTENT)
