"""What sellers and payouts look like in answers."""

from apps.api.shapes import (
    AMOUNT,
    BOOLEAN,
    EXPANDABLE,
    MAP,
    METADATA,
    NULL,
    OBJECTS,
    TEXT,
    TEXT_OR_NULL,
    TIME,
    Shape,
    one_of,
)
from apps.payouts.states import PayoutStatus

SELLER = Shape(
    "Seller",
    "account",
    {
        "id": TEXT,
        "business_profile": MAP,
        "charges_enabled": BOOLEAN,
        "country": TEXT_OR_NULL,
        "created": TIME,
        "default_currency": TEXT,
        "email": TEXT_OR_NULL,
        "external_account": TEXT_OR_NULL,
        "livemode": BOOLEAN,
        "metadata": METADATA,
        "payouts_enabled": BOOLEAN,
        "settings": MAP,
        "status": TEXT,
    },
)
PAYOUT = Shape(
    "Payout",
    "payout",
    {
        "id": TEXT,
        "amount": AMOUNT,
        "arrival_date": TIME,
        "automatic": BOOLEAN,
        "balance_transaction": EXPANDABLE,
        "created": TIME,
        "currency": TEXT,
        "description": TEXT_OR_NULL,
        "destination": EXPANDABLE,
        "failure_balance_transaction": NULL,
        "failure_code": TEXT_OR_NULL,
        "failure_message": NULL,
        "gateway": TEXT,
        "gateway_reference": TEXT_OR_NULL,
        "livemode": BOOLEAN,
        "metadata": METADATA,
        "method": TEXT,
        "original_payout": NULL,
        "reconciliation_status": TEXT,
        "requires_approval": BOOLEAN,
        "reversed_by": NULL,
        "source_type": TEXT,
        "statement_descriptor": TEXT_OR_NULL,
        "status": one_of(PayoutStatus.values),
        "type": TEXT,
    },
)
SELLER_BALANCE = Shape(
    "SellerBalance",
    "balance",
    {
        "account": TEXT,
        "available": OBJECTS,
        "livemode": BOOLEAN,
        "pending": OBJECTS,
        "reserved": OBJECTS,
    },
)
