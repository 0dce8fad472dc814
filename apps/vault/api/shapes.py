"""What payment methods look like in answers."""

from apps.api.shapes import BOOLEAN, EXPANDABLE, MAP, METADATA, TEXT, TIME, ListOf, Shape, one_of

PAYMENT_METHOD = Shape(
    "PaymentMethod",
    "payment_method",
    {
        "id": TEXT,
        "allow_redisplay": TEXT,
        "billing_details": MAP,
        "created": TIME,
        "customer": EXPANDABLE,
        "livemode": BOOLEAN,
        "metadata": METADATA,
        "type": one_of(["card", "sepa_debit"]),
    },
    optional={"card": MAP, "sepa_debit": MAP},
)
MANDATE = Shape(
    "Mandate",
    "mandate",
    {
        "id": TEXT,
        "customer_acceptance": MAP,
        "livemode": BOOLEAN,
        "multi_use": MAP,
        "payment_method": EXPANDABLE,
        "payment_method_details": MAP,
        "status": one_of(["active", "inactive"]),
        "type": one_of(["multi_use"]),
    },
)
PAYMENT_METHODS = ListOf(PAYMENT_METHOD)
