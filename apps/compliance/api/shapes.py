"""What answers about people's data look like."""

from apps.api.shapes import AMOUNTS, BOOLEAN, MAP, TEXT, TIME, Shape, one_of

CUSTOMER_EXPORT = Shape(
    "CustomerExport",
    "customer_export",
    {
        "id": TEXT,
        "created": TIME,
        "customer": TEXT,
        # How many rows of a section are not in `sections`.
        "left_out": AMOUNTS,
        "livemode": BOOLEAN,
        # The rows that are about the customer, by the name of their section.
        "sections": MAP,
    },
)
CUSTOMER_ERASURE = Shape(
    "CustomerErasure",
    "customer_erasure",
    {
        "id": TEXT,
        "created": TIME,
        "customer": TEXT,
        # How many rows were emptied, by section.
        "erased": AMOUNTS,
        "livemode": BOOLEAN,
        "status": one_of(("pending", "complete")),
    },
)
