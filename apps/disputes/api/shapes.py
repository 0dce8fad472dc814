"""What disputes and their files look like in answers."""

from apps.api.shapes import (
    AMOUNT,
    BOOLEAN,
    EXPANDABLE,
    INTEGER,
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
from apps.disputes.states import DisputeStage, DisputeStatus

DISPUTE = Shape(
    "Dispute",
    "dispute",
    {
        "id": TEXT,
        "amount": AMOUNT,
        "balance_transactions": OBJECTS,
        "charge": EXPANDABLE,
        "created": TIME,
        "currency": TEXT,
        "customer": EXPANDABLE,
        "evidence": MAP,
        "evidence_details": MAP,
        "gateway": TEXT,
        "gateway_reference": TEXT,
        "is_charge_refundable": BOOLEAN,
        "livemode": BOOLEAN,
        "metadata": METADATA,
        "network_reason_code": TEXT_OR_NULL,
        "payment_intent": EXPANDABLE,
        "payment_method_details": MAP,
        "reason": TEXT,
        "refund": EXPANDABLE,
        "round": INTEGER,
        "stage": one_of(DisputeStage.values),
        "status": one_of(DisputeStatus.values),
    },
)
FILE = Shape(
    "File",
    "file",
    {
        "id": TEXT,
        "created": TIME,
        "expires_at": NULL,
        "filename": TEXT,
        "livemode": BOOLEAN,
        "pages": INTEGER,
        "purpose": TEXT,
        "sha256": TEXT,
        "size": INTEGER,
        "title": NULL,
        "type": TEXT,
        "url": TEXT,
    },
)
FRAUD_WARNING = Shape(
    "EarlyFraudWarning",
    "radar.early_fraud_warning",
    {
        "id": TEXT,
        "actionable": BOOLEAN,
        "charge": EXPANDABLE,
        "created": TIME,
        "fraud_type": TEXT,
        "livemode": BOOLEAN,
        "payment_intent": EXPANDABLE,
    },
)
