"""What disputes and their files look like in answers."""

from apps.api.shapes import (
    AMOUNT,
    AMOUNTS,
    BOOLEAN,
    EXPANDABLE,
    INTEGER,
    MAP,
    METADATA,
    NULL,
    OBJECTS,
    TEXT,
    TEXT_OR_NULL,
    TEXTS,
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
DISPUTE_POLICY = Shape(
    "DisputePolicy",
    "dispute_policy",
    {
        "accept_below": AMOUNTS,
        "cancellation_terms": TEXT_OR_NULL,
        "refund_inquiries_below": AMOUNTS,
        "refund_terms": TEXT_OR_NULL,
    },
)
DISPUTE_RATIO = Shape(
    "DisputeRatio",
    "dispute_ratio",
    {
        "alert": INTEGER,
        "disputes": INTEGER,
        "fraud_reports": INTEGER,
        "month": TEXT,
        "network": TEXT,
        "payments": INTEGER,
        "percent": TEXT,
        "programme": TEXT_OR_NULL,
        "projected_percent": TEXT,
        "projected_programme": TEXT_OR_NULL,
    },
)
DISPUTE_OUTCOME = Shape(
    "DisputeOutcome",
    "dispute_outcome",
    {
        "closed": INTEGER,
        "currency": TEXT,
        "fees": AMOUNT,
        "lost": INTEGER,
        "losses": AMOUNT,
        "name": TEXT_OR_NULL,
        "prevented": INTEGER,
        "recovered": AMOUNT,
        "recovered_net": AMOUNT,
        "win_rate": TEXT_OR_NULL,
        "win_rate_interval": TEXTS,
        "win_rate_is_telling": BOOLEAN,
        "won": INTEGER,
    },
)
USAGE_EVIDENCE = Shape(
    "UsageEvidence",
    "usage_evidence",
    {
        "id": TEXT,
        "action": TEXT,
        "created": TIME,
        "customer": TEXT,
        "device": TEXT_OR_NULL,
        "ip_address": TEXT_OR_NULL,
        "livemode": BOOLEAN,
        "occurred_at": TIME,
    },
)
