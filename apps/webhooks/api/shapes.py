"""What endpoints and deliveries look like in answers."""

from apps.api.shapes import (
    BOOLEAN,
    INTEGER,
    INTEGER_OR_NULL,
    METADATA,
    NULL,
    OBJECTS,
    TEXT,
    TEXT_OR_NULL,
    TEXTS,
    TIME,
    TIME_OR_NULL,
    Shape,
    deleted,
)

WEBHOOK_ENDPOINT = Shape(
    "WebhookEndpoint",
    "webhook_endpoint",
    {
        "id": TEXT,
        "api_version": TEXT,
        "application": NULL,
        "created": TIME,
        "description": TEXT_OR_NULL,
        "disabled_reason": TEXT_OR_NULL,
        "enabled_events": TEXTS,
        "livemode": BOOLEAN,
        "metadata": METADATA,
        "status": TEXT,
        "url": TEXT,
    },
    optional={"secret": TEXT},
)
WEBHOOK_DELIVERY = Shape(
    "WebhookDelivery",
    "webhook_delivery",
    {
        "id": TEXT,
        "attempts": INTEGER,
        "created": TIME,
        "event": TEXT,
        "last_error": TEXT_OR_NULL,
        "last_status_code": INTEGER_OR_NULL,
        "livemode": BOOLEAN,
        "next_attempt": TIME_OR_NULL,
        "status": TEXT,
        "webhook_endpoint": TEXT,
    },
    optional={"tries": OBJECTS},
)
WEBHOOK_RESEND = Shape(
    "WebhookResend",
    "webhook_resend",
    {
        "resent": INTEGER,
        "webhook_endpoint": TEXT,
    },
)
DELETED_WEBHOOK_ENDPOINT = deleted("WebhookEndpoint", "webhook_endpoint")
# The address has to answer with the challenge before it gets events.
CHALLENGE = Shape(
    "WebhookChallenge", "webhook_endpoint.verification", {"id": TEXT, "challenge": TEXT}
)
