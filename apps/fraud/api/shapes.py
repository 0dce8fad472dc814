"""What reviews, rules and value lists look like in answers."""

from apps.api.shapes import (
    AMOUNT,
    BOOLEAN,
    EXPANDABLE,
    INTEGER,
    INTEGER_OR_NULL,
    MAP,
    METADATA,
    NULL,
    TEXT,
    TEXT_OR_NULL,
    TEXTS,
    TIME,
    TIME_OR_NULL,
    Shape,
    deleted,
    one_of,
    records,
)
from apps.fraud.states import ReviewStatus

REVIEW = Shape(
    "Review",
    "review",
    {
        "id": TEXT,
        "amount": AMOUNT,
        "billing_zip": NULL,
        "charge": EXPANDABLE,
        "closed_at": TIME_OR_NULL,
        "closed_by": TEXT_OR_NULL,
        "closed_reason": TEXT_OR_NULL,
        "created": TIME,
        "currency": TEXT,
        "due_at": TIME,
        "ip_address": NULL,
        "ip_address_location": NULL,
        "livemode": BOOLEAN,
        "open": BOOLEAN,
        "opened_reason": TEXT,
        "payment_intent": EXPANDABLE,
        "reason": TEXT,
        "risk_score": INTEGER_OR_NULL,
        "session": NULL,
        "status": one_of(ReviewStatus.values),
    },
)
RISK_RULE = Shape(
    "RiskRule",
    "radar.rule",
    {
        "id": TEXT,
        "action": TEXT,
        "created": TIME,
        "created_by": TEXT,
        "expression": TEXT,
        "family": TEXT,
        "livemode": BOOLEAN,
        "name": TEXT,
        "position": INTEGER,
        "published_at": TIME_OR_NULL,
        "published_by": TEXT_OR_NULL,
        "status": TEXT,
        "version": INTEGER,
    },
    optional={"approval": TEXT},
)
VALUE_LIST = Shape(
    "ValueList",
    "radar.value_list",
    {
        "id": TEXT,
        "alias": TEXT,
        "created": TIME,
        "created_by": TEXT,
        "item_type": TEXT,
        "list_items": MAP,
        "livemode": BOOLEAN,
        "metadata": METADATA,
        "name": TEXT,
    },
)
VALUE_LIST_ITEM = Shape(
    "ValueListItem",
    "radar.value_list_item",
    {
        "id": TEXT,
        "created": TIME,
        "created_by": TEXT,
        "expires_at": TIME_OR_NULL,
        "livemode": BOOLEAN,
        "reason": TEXT_OR_NULL,
        "value": TEXT,
        "value_list": TEXT,
    },
)
DELETED_VALUE_LIST = deleted("ValueList", "radar.value_list")
DELETED_VALUE_LIST_ITEM = deleted("ValueListItem", "radar.value_list_item")
BACKTEST = Shape(
    "RiskRuleBacktest",
    "radar.rule.backtest",
    {
        "action": TEXT,
        "currencies": records(
            {
                "amount": AMOUNT,
                "amount_fraud": AMOUNT,
                "amount_good": AMOUNT,
                "blocked_before": INTEGER,
                "currency": TEXT,
                "fraud": INTEGER,
                "good": INTEGER,
                "matched": INTEGER,
                "sample": TEXTS,
                "too_young": INTEGER,
            }
        ),
        "days": INTEGER,
        "frauds": INTEGER,
        "match_rate_basis_points": INTEGER_OR_NULL,
        "matched": INTEGER,
        "matched_fraud": INTEGER,
        "matched_good": INTEGER,
        "payments": INTEGER,
        "precision_basis_points": INTEGER_OR_NULL,
        "recall_basis_points": INTEGER_OR_NULL,
    },
)
