"""How payments, charges, refunds and orders look in the API and in events: Stripe's shapes."""

from datetime import datetime
from typing import Any

from apps.common.money import exponent, to_major
from apps.payments.models import Checkout, PaymentAttempt, PaymentIntent, PaymentOrder, Refund
from apps.payments.states import AttemptStatus, RefundStatus


def _unix(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def render_intent(intent: PaymentIntent) -> dict[str, Any]:
    """Return the intent as `payment_intent`, statuses in the platform's own dialect."""
    return {
        "id": intent.id,
        "object": "payment_intent",
        "amount": intent.amount,
        "amount_capturable": intent.amount_capturable,
        "amount_details": {"tip": {}},
        "amount_received": intent.amount_received,
        "amount_refunded": intent.amount_refunded,
        "application": None,
        "application_fee_amount": intent.application_fee_amount,
        "automatic_payment_methods": None,
        "canceled_at": _unix(intent.canceled_at),
        "cancellation_reason": intent.cancellation_reason or None,
        "capture_method": str(intent.capture_method),
        "client_secret": intent.client_secret,
        "confirmation_method": "automatic",
        "created": _unix(intent.created_at),
        "currency": intent.currency.lower(),
        "customer": intent.customer_id or None,
        "description": intent.description or None,
        "expires_at": _unix(intent.expires_at),
        "last_payment_error": intent.last_payment_error,
        "latest_charge": intent.latest_charge_id or None,
        "livemode": intent.livemode,
        "metadata": intent.metadata,
        "next_action": _next_action(intent),
        "on_behalf_of": None,
        "payment_method": intent.payment_method_id or None,
        "payment_method_options": intent.payment_method_options or {},
        "payment_method_types": ["card", "sepa_debit"],
        "processing": None,
        "receipt_email": intent.receipt_email or None,
        "review": None,
        "setup_future_usage": intent.setup_future_usage or None,
        "shipping": intent.shipping,
        "statement_descriptor": intent.statement_descriptor or None,
        "statement_descriptor_suffix": intent.statement_descriptor_suffix or None,
        "status": str(intent.status),
        "transfer_data": _transfer_data(intent),
        "transfer_group": intent.transfer_group or None,
    }


def _transfer_data(intent: PaymentIntent) -> dict[str, Any] | None:
    return {"destination": intent.transfer_destination} if intent.transfer_destination else None


def _next_action(intent: PaymentIntent) -> dict[str, Any] | None:
    if intent.next_action is None:
        return None
    if intent.next_action["type"] == "review":
        return {"type": "review"}
    return {
        "type": "redirect_to_url",
        "redirect_to_url": {
            "url": intent.next_action["url"],
            "return_url": intent.return_url or None,
        },
    }


def render_charge(attempt: PaymentAttempt, intent: PaymentIntent) -> dict[str, Any]:
    """Return an attempt that reached its gateway as `charge`."""
    captured = attempt.status == AttemptStatus.CAPTURED
    refunded = intent.amount_refunded if attempt.kept else 0
    return {
        "id": attempt.charge_id,
        "object": "charge",
        "amount": attempt.amount,
        "amount_captured": attempt.amount_captured,
        "amount_refunded": refunded,
        "application": None,
        "application_fee": None,
        "application_fee_amount": intent.application_fee_amount,
        "attempt": attempt.id,
        "balance_transaction": f"txn{attempt.id.removeprefix('att')}" if captured else None,
        "billing_details": {"address": None, "email": None, "name": None, "phone": None},
        "calculated_statement_descriptor": None,
        "captured": captured,
        "created": _unix(attempt.created_at),
        "currency": attempt.currency.lower(),
        "customer": intent.customer_id or None,
        "description": intent.description or None,
        # Only who reads charges asks for it; an event tells of the charge alone.
        "disputed": getattr(attempt, "is_disputed", False),
        "failure_balance_transaction": None,
        "failure_code": attempt.decline_code or None,
        "failure_message": attempt.message or None,
        "fraud_details": {},
        "gateway": attempt.gateway,
        "gateway_reference": attempt.gateway_reference or None,
        "livemode": attempt.livemode,
        "metadata": intent.metadata,
        "on_behalf_of": None,
        "outcome": _outcome(attempt),
        "paid": attempt.status in {AttemptStatus.CAPTURED, AttemptStatus.AUTHORIZED},
        "payment_intent": intent.id,
        "payment_method": attempt.payment_method_id or None,
        "payment_method_details": _method_details(attempt),
        "receipt_email": intent.receipt_email or None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": captured and refunded == attempt.amount_captured,
        "review": None,
        "shipping": intent.shipping,
        "source_transfer": None,
        "statement_descriptor": intent.statement_descriptor or None,
        "statement_descriptor_suffix": intent.statement_descriptor_suffix or None,
        "status": _charge_status(attempt),
        "transfer_data": _transfer_data(intent),
        "transfer_group": intent.transfer_group or None,
    }


_APPROVED = frozenset({AttemptStatus.CAPTURED, AttemptStatus.AUTHORIZED, AttemptStatus.VOIDED})


def _charge_status(attempt: PaymentAttempt) -> str:
    if attempt.status in _APPROVED:
        return "succeeded"
    return "failed" if attempt.status == AttemptStatus.FAILED else "pending"


def _outcome(attempt: PaymentAttempt) -> dict[str, Any] | None:
    """Return what the bank and risk said, in Stripe's words; None until the bank has spoken."""
    shown = {
        "advice_code": attempt.advice_code or None,
        "network_advice_code": None,
        "network_decline_code": attempt.network_decline_code or None,
        "network_status": "approved_by_network",
        "reason": None,
        # As with `disputed`: who reads charges asks risk.
        "risk_level": getattr(attempt, "risk_level", None) or "unknown",
        "risk_score": getattr(attempt, "risk_score", None),
        "seller_message": "Payment complete.",
        "type": "authorized",
    }
    if attempt.status == AttemptStatus.FAILED:
        return shown | {
            "network_status": "declined_by_network",
            "reason": attempt.decline_code or None,
            "seller_message": _decline_in_words(attempt.decline_code),
            "type": "issuer_declined",
        }
    if attempt.status not in _APPROVED:
        return None
    if attempt.is_held_for_review:
        return shown | {
            "reason": "rule",
            "seller_message": "A person looks at this payment before its money is taken.",
            "type": "manual_review",
        }
    return shown


def _decline_in_words(code: str) -> str:
    if code in {"", "generic_decline"}:
        return "The bank did not return any further details with this decline."
    return f"The bank returned the decline code `{code}`."


def _method_details(attempt: PaymentAttempt) -> dict[str, Any] | None:
    details = attempt.method_details
    if not details:
        return None
    if attempt.method_type != "card":
        return {
            "type": attempt.method_type,
            attempt.method_type: {
                "last4": details.get("last4") or None,
                "country": details.get("country") or None,
                "fingerprint": details.get("fingerprint") or None,
            },
        }
    return {
        "type": "card",
        "card": {
            "brand": details.get("brand") or None,
            "checks": {
                "address_line1_check": details.get("avs_line1_check") or None,
                "address_postal_code_check": details.get("avs_postal_code_check") or None,
                "cvc_check": details.get("cvc_check") or None,
            },
            "country": details.get("country") or None,
            "exp_month": details.get("exp_month") or None,
            "exp_year": details.get("exp_year") or None,
            "fingerprint": details.get("fingerprint") or None,
            "funding": details.get("funding") or None,
            "last4": details.get("last4") or None,
            "three_d_secure": (
                {"result": details["three_d_secure"]} if details.get("three_d_secure") else None
            ),
        },
    }


def render_attempt(attempt: PaymentAttempt) -> dict[str, Any]:
    """Return an attempt as `payment_attempt`, one of the platform's own objects."""
    return {
        "id": attempt.id,
        "object": "payment_attempt",
        "amount": attempt.amount,
        "amount_captured": attempt.amount_captured,
        "charge": attempt.charge_id if attempt.gateway_reference else None,
        "created": _unix(attempt.created_at),
        "currency": attempt.currency.lower(),
        "decline_code": attempt.decline_code or None,
        "error_class": attempt.error_class or None,
        "finished_at": _unix(attempt.finished_at),
        "gateway": attempt.gateway,
        "gateway_reference": attempt.gateway_reference or None,
        "kept": attempt.kept,
        "livemode": attempt.livemode,
        "message": attempt.message or None,
        "number": attempt.number,
        "operation": str(attempt.operation) or None,
        "payment_intent": attempt.intent_id,
        "payment_method": attempt.payment_method_id or None,
        "status": str(attempt.status),
    }


def render_refund(refund: Refund) -> dict[str, Any]:
    """Return the refund as `refund`."""
    succeeded = refund.status == RefundStatus.SUCCEEDED
    return {
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "balance_transaction": f"txn{refund.id.removeprefix('re')}" if succeeded else None,
        "charge": f"ch{refund.attempt_id.removeprefix('att')}",
        "created": _unix(refund.created_at),
        "currency": refund.currency.lower(),
        "destination_details": _render_destination(refund),
        "failure_reason": refund.failure_reason or None,
        "livemode": refund.livemode,
        "metadata": refund.metadata,
        "payment_intent": refund.intent_id,
        "reason": refund.reason or None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": str(refund.status),
        "transfer_reversal": None,
    }


def _render_destination(refund: Refund) -> dict[str, Any] | None:
    """Return by what the payer's bank finds the money, once the gateway has told it."""
    if not refund.bank_reference:
        return None
    card = {
        "reference": refund.bank_reference,
        "reference_status": "available",
        "reference_type": refund.bank_reference_type or None,
        "type": "refund",
    }
    return {"type": "card", "card": card}


def render_order(order: PaymentOrder, checkout: Checkout) -> dict[str, Any]:
    """Return the order as `payment_order`; its amount is a decimal string (ruling C7)."""
    return {
        "id": order.id,
        "object": "payment_order",
        "amount": f"{to_major(order.amount, order.currency):.{exponent(order.currency)}f}",
        "checkout_id": checkout.checkout_id,
        "created": _unix(order.created_at),
        "currency": order.currency,
        "ledger_updated": order.ledger_updated,
        "livemode": order.livemode,
        "payment_intent": order.intent_id,
        "payment_order_id": order.payment_order_id,
        "seller_account": order.seller_id,
        "status": str(order.status),
        "wallet_updated": order.wallet_updated,
    }


def render_checkout(checkout: Checkout, orders: list[PaymentOrder]) -> dict[str, Any]:
    """Return the payment of a checkout as `payment`."""
    return {
        "id": checkout.id,
        "object": "payment",
        "buyer": {
            "id": checkout.buyer_reference or None,
            "customer": checkout.customer_id or None,
        },
        "checkout_id": checkout.checkout_id,
        "created": _unix(checkout.created_at),
        "is_payment_done": checkout.is_payment_done,
        "livemode": checkout.livemode,
        "payment_orders": [render_order(order, checkout) for order in orders],
    }
