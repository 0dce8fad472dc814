"""What setup intents look like in answers."""

from apps.api.shapes import (
    BOOLEAN,
    EXPANDABLE,
    MAP,
    MAP_OR_NULL,
    METADATA,
    NULL,
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
        "application": NULL,
        "attach_to_self": BOOLEAN,
        "automatic_payment_methods": MAP_OR_NULL,
        "cancellation_reason": TEXT_OR_NULL,
        "client_secret": TEXT,
        "created": TIME,
        "customer": EXPANDABLE,
        "description": TEXT_OR_NULL,
        "flow_directions": NULL,
        "last_setup_error": MAP_OR_NULL,
        "latest_attempt": NULL,
        "livemode": BOOLEAN,
        "mandate": NULL,
        "metadata": METADATA,
        "next_action": MAP_OR_NULL,
        "on_behalf_of": NULL,
        "payment_method": EXPANDABLE,
        "payment_method_options": MAP,
        "payment_method_types": TEXTS,
        "single_use_mandate": NULL,
        "status": one_of(SetupStatus.values),
        "usage": one_of(Usage.values),
    },
)
SETUP_INTENTS = ListOf(SETUP_INTENT)
