"""What events look like in answers, and in what webhooks and Kafka bring."""

from apps.api.shapes import BOOLEAN, INTEGER, MAP, TEXT, TIME, ListOf, Shape

EVENT = Shape(
    "Event",
    "event",
    {
        "id": TEXT,
        "api_version": TEXT,
        "created": TIME,
        "data": MAP,
        "livemode": BOOLEAN,
        "pending_webhooks": INTEGER,
        "related_object": TEXT,
        "request": MAP,
        "sequence": INTEGER,
        "type": TEXT,
    },
)
EVENTS = ListOf(EVENT)
