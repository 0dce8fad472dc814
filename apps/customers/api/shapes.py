"""What customers look like in answers."""

from apps.api.shapes import (
    AMOUNT,
    BOOLEAN,
    EXPANDABLE,
    MAP,
    MAP_OR_NULL,
    METADATA,
    TEXT,
    TEXT_OR_NULL,
    TEXTS,
    TIME,
    EitherOf,
    ListOf,
    SearchOf,
    Shape,
    deleted,
)

CUSTOMER = Shape(
    "Customer",
    "customer",
    {
        "id": TEXT,
        "address": MAP_OR_NULL,
        "balance": AMOUNT,
        "created": TIME,
        "currency": TEXT_OR_NULL,
        "default_source": EXPANDABLE,
        "delinquent": BOOLEAN,
        "description": TEXT_OR_NULL,
        "email": TEXT_OR_NULL,
        "invoice_settings": MAP,
        "livemode": BOOLEAN,
        "metadata": METADATA,
        "name": TEXT_OR_NULL,
        "phone": TEXT_OR_NULL,
        "preferred_locales": TEXTS,
        "shipping": MAP_OR_NULL,
        "tax_exempt": TEXT,
        "test_clock": EXPANDABLE,
        "time_zone": TEXT,
    },
)
DELETED_CUSTOMER = deleted("Customer", "customer")
# Of a deleted customer there is left that it was deleted.
KNOWN_CUSTOMER = EitherOf((CUSTOMER, DELETED_CUSTOMER))
CUSTOMERS = ListOf(CUSTOMER)
CUSTOMER_SEARCH = SearchOf(CUSTOMER)
