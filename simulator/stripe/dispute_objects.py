"""Shows disputes and fraud warnings in Stripe's form."""

from typing import Any

from simulator.stripe.objects import show_movement
from simulator.stripe.records import FraudWarning, StripeDispute, UploadedFile

COMPELLING = "visa_compelling_evidence_3"
_TEXTS = (
    "access_activity_log", "billing_address", "cancellation_policy",
    "cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication",
    "customer_email_address", "customer_name", "customer_purchase_ip", "customer_signature",
    "duplicate_charge_documentation", "duplicate_charge_explanation", "duplicate_charge_id",
    "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address",
    "shipping_carrier", "shipping_date", "shipping_documentation", "shipping_tracking_number",
    "uncategorized_file", "uncategorized_text",
)  # fmt: skip
_REFUNDABLE = {"warning_needs_response", "warning_under_review", "warning_closed", "won"}


def takes_compelling(dispute: StripeDispute) -> bool:
    """Return whether Visa takes two earlier payments for an answer."""
    card = dispute.charge.method.card
    return card is not None and card.brand == "visa" and dispute.network_code == "10.4"


def show_dispute(dispute: StripeDispute, *, now: float) -> dict[str, Any]:
    return {
        "id": dispute.id,
        "object": "dispute",
        "amount": dispute.amount,
        "balance_transactions": [show_movement(each, now=now) for each in dispute.movements],
        "charge": dispute.charge.id,
        "created": dispute.created,
        "currency": dispute.currency,
        "enhanced_eligibility_types": [COMPELLING] if takes_compelling(dispute) else [],
        "evidence": {name: dispute.evidence.get(name) for name in _TEXTS},
        "evidence_details": {
            "due_by": dispute.due_by,
            "enhanced_eligibility": _show_eligibility(dispute),
            "has_evidence": bool(dispute.evidence),
            "past_due": now > dispute.due_by,
            "submission_count": dispute.submissions,
        },
        "is_charge_refundable": dispute.status in _REFUNDABLE,
        "livemode": False,
        "metadata": {},
        "payment_intent": dispute.charge.payment,
        "payment_method_details": _show_method(dispute),
        "reason": dispute.reason,
        "status": dispute.status,
    }


def show_file(file: UploadedFile) -> dict[str, Any]:
    return {
        "id": file.id,
        "object": "file",
        "created": file.created,
        "purpose": file.purpose,
        "size": file.size,
    }


def show_fraud_warning(warning: FraudWarning) -> dict[str, Any]:
    charge = warning.charge
    return {
        "id": warning.id,
        "object": "radar.early_fraud_warning",
        "actionable": charge.amount_refundable > 0 and not charge.is_disputed,
        "charge": charge.id,
        "created": warning.created,
        "fraud_type": "made_with_stolen_card",
        "livemode": False,
        "payment_intent": charge.payment,
    }


def _show_eligibility(dispute: StripeDispute) -> dict[str, Any]:
    if not takes_compelling(dispute):
        return {}
    actions = [] if dispute.compelling else ["missing_prior_undisputed_transactions"]
    status = "requires_action" if actions else "qualified"
    return {COMPELLING: {"required_actions": actions, "status": status}}


def _show_method(dispute: StripeDispute) -> dict[str, Any]:
    charge = dispute.charge
    card = charge.method.card
    if card is None:
        return {"type": "sepa_debit"}
    is_inquiry = dispute.status.startswith("warning_")
    return {
        "type": "card",
        "card": {
            "brand": card.brand,
            "case_type": "inquiry" if is_inquiry else "chargeback",
            "network_reason_code": dispute.network_code,
        },
    }
