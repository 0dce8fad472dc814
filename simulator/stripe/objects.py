"""Shows payments, refunds and money in Stripe's form."""

from collections.abc import Iterable, Mapping
from typing import Any

from simulator.books import ChargeStatus, Movement, Refund
from simulator.ids import acquirer_reference
from simulator.instruments import BankAccount, Decline
from simulator.stripe.method_objects import show_charged_method
from simulator.stripe.records import Intent, IntentStatus, Payout, SetupIntent, StripeCharge

_CHARGE_STATUSES = {
    ChargeStatus.PENDING: "pending",
    ChargeStatus.AUTHORIZED: "succeeded",
    ChargeStatus.SUCCEEDED: "succeeded",
    ChargeStatus.VOIDED: "succeeded",
    ChargeStatus.FAILED: "failed",
}

_REPORTING_CATEGORIES = {"charge": "charge", "refund": "refund", "payout": "payout"}


def show_intent(intent: Intent) -> dict[str, Any]:
    charge = intent.charge
    is_captured = charge is not None and charge.is_captured
    return {
        "id": intent.id,
        "object": "payment_intent",
        "allowed_payment_method_types": list(intent.allowed_types) or None,
        "amount": intent.amount,
        "amount_capturable": _amount_capturable(intent),
        "amount_details": {"tip": {}},
        "amount_received": charge.amount_captured if charge and is_captured else 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": intent.canceled_at,
        "cancellation_reason": intent.cancellation_reason,
        "capture_method": intent.capture_method,
        "client_secret": intent.client_secret,
        "confirmation_method": "automatic",
        "created": intent.created,
        "currency": intent.currency,
        "customer": intent.customer,
        "description": intent.description,
        "last_payment_error": intent.shown_error,
        "latest_charge": charge.id if charge else None,
        "livemode": False,
        "metadata": intent.metadata,
        "next_action": show_next_action(intent),
        "on_behalf_of": None,
        "payment_method": intent.method.id if intent.method else None,
        "payment_method_options": _show_method_options(intent),
        "payment_method_types": list(intent.allowed_types or ("card", "sepa_debit")),
        "processing": None,
        "receipt_email": intent.receipt_email,
        "review": None,
        "setup_future_usage": intent.setup_future_usage,
        "shipping": intent.shipping,
        "statement_descriptor": intent.statement_descriptor,
        "statement_descriptor_suffix": intent.statement_descriptor_suffix,
        "status": str(intent.status),
        "transfer_data": None,
        "transfer_group": intent.transfer_group,
    }


def show_next_action(intent: Intent | SetupIntent) -> dict[str, Any] | None:
    if intent.status != IntentStatus.REQUIRES_ACTION:
        return None
    if not intent.return_url:
        # Without an address to return to, Stripe leaves the way to its script in the browser.
        redirect = {"type": "three_d_secure_redirect", "stripe_js": intent.action_url}
        return {"type": "use_stripe_sdk", "use_stripe_sdk": redirect}
    target = {"return_url": intent.return_url, "url": intent.action_url}
    return {"type": "redirect_to_url", "redirect_to_url": target}


def show_charge(charge: StripeCharge) -> dict[str, Any]:
    decline = charge.decline
    movement = charge.movement
    return {
        "id": charge.id,
        "object": "charge",
        "amount": charge.amount,
        "amount_captured": charge.amount_captured,
        # What a partial capture released counts as given back, too.
        "amount_refunded": charge.amount_refunded + _released(charge),
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": movement.id if movement else None,
        "billing_details": charge.method.billing_details,
        "calculated_statement_descriptor": _descriptor(charge),
        "captured": charge.is_captured,
        "created": charge.created,
        "currency": charge.currency,
        "customer": charge.customer,
        "description": charge.description,
        "disputed": charge.is_disputed,
        "failure_balance_transaction": None,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": charge.metadata,
        "on_behalf_of": None,
        "outcome": _show_outcome(charge),
        "paid": charge.status in {ChargeStatus.AUTHORIZED, ChargeStatus.SUCCEEDED},
        "payment_intent": charge.payment,
        "payment_method": charge.method.id,
        "payment_method_details": show_charged_method(
            charge.method,
            authenticated=charge.authenticated,
            amount_authorized=charge.amount,
            capture_before=charge.expires_at,
        ),
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": charge.amount_refunded + _released(charge) == charge.amount,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": charge.statement_descriptor_suffix,
        "status": _CHARGE_STATUSES[charge.status],
        "transfer_data": None,
        "transfer_group": None,
    }


def show_refund(refund: Refund) -> dict[str, Any]:
    charge = refund.charge
    failed = refund.failure_movement
    return {
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "balance_transaction": refund.movement.id if refund.movement else None,
        "charge": charge.id,
        "created": refund.created,
        "currency": charge.currency,
        "destination_details": _show_destination(refund),
        "failure_balance_transaction": failed.id if failed else None,
        "failure_reason": refund.failure_reason,
        "metadata": refund.metadata,
        "payment_intent": charge.payment,
        "reason": refund.reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": str(refund.status),
        "transfer_reversal": None,
    }


def show_movement(movement: Movement, *, now: float) -> dict[str, Any]:
    fee = {
        "amount": movement.fee,
        "application": None,
        "currency": movement.currency,
        "description": "Stripe processing fees",
        "type": "stripe_fee",
    }
    return {
        "id": movement.id,
        "object": "balance_transaction",
        "amount": movement.amount,
        "available_on": movement.available_on,
        "balance_type": "payments",
        "created": movement.created,
        "currency": movement.currency,
        "description": None,
        "exchange_rate": float(movement.paid.rate) if movement.paid else None,
        "fee": movement.fee,
        "fee_details": [fee] if movement.fee else [],
        "net": movement.net,
        "reporting_category": _REPORTING_CATEGORIES.get(movement.kind, movement.kind),
        "source": movement.source,
        "status": "available" if movement.available_on <= now else "pending",
        "type": movement.kind,
    }


def show_balance(movements: Iterable[Movement], *, now: float) -> dict[str, Any]:
    available: dict[str, int] = {}
    pending: dict[str, int] = {}
    for movement in movements:
        part = available if movement.available_on <= now else pending
        part[movement.currency] = part.get(movement.currency, 0) + movement.net
    return {
        "object": "balance",
        "available": _show_amounts(available, pending),
        "livemode": False,
        "pending": _show_amounts(pending, available),
    }


def show_setup_intent(setup: SetupIntent) -> dict[str, Any]:
    return {
        "id": setup.id,
        "object": "setup_intent",
        "allowed_payment_method_types": list(setup.allowed_types) or None,
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": setup.cancellation_reason,
        "client_secret": setup.client_secret,
        "created": setup.created,
        "customer": setup.customer,
        "description": setup.description,
        "flow_directions": None,
        "last_setup_error": setup.shown_error,
        "latest_attempt": None,
        "livemode": False,
        "mandate": setup.mandate,
        "metadata": setup.metadata,
        "next_action": show_next_action(setup),
        "on_behalf_of": None,
        "payment_method": setup.method.id if setup.method else None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": list(setup.allowed_types or ("card", "sepa_debit")),
        "single_use_mandate": None,
        "status": str(setup.status),
        "usage": setup.usage,
    }


def show_payout(payout: Payout) -> dict[str, Any]:
    return {
        "id": payout.id,
        "object": "payout",
        "amount": payout.amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": payout.created,
        "automatic": False,
        "balance_transaction": payout.movement.id,
        "created": payout.created,
        "currency": payout.currency,
        "description": payout.description,
        "destination": payout.destination,
        "failure_balance_transaction": None,
        "failure_code": payout.failure_code,
        "failure_message": None,
        "livemode": False,
        "metadata": payout.metadata,
        "method": "standard",
        "original_payout": None,
        "reconciliation_status": "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": payout.statement_descriptor,
        "status": payout.status,
        "trace_id": None,
        "type": "bank_account",
    }


def show_decline(decline: Decline, *, charge: str) -> dict[str, Any]:
    """Return the error object of a decline, without the objects it is about."""
    details = {
        "advice_code": decline.advice,
        "charge": charge,
        "code": decline.code,
        "decline_code": decline.reason,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "network_decline_code": decline.network_code,
        "type": "card_error",
    }
    return {name: value for name, value in details.items() if value}


def _show_destination(refund: Refund) -> dict[str, Any]:
    if isinstance(refund.charge.instrument, BankAccount):
        return {"type": "eu_bank_transfer", "eu_bank_transfer": {"reference_status": "pending"}}
    card = {
        "reference": acquirer_reference(refund.id),
        "reference_status": "available",
        "reference_type": "acquirer_reference_number",
        "type": "refund",
    }
    return {"type": "card", "card": card}


def _amount_capturable(intent: Intent) -> int:
    return intent.amount if intent.status == IntentStatus.REQUIRES_CAPTURE else 0


def _released(charge: StripeCharge) -> int:
    if charge.status == ChargeStatus.VOIDED:
        return charge.amount
    return charge.amount - charge.amount_captured if charge.is_captured else 0


def _descriptor(charge: StripeCharge) -> str:
    suffix = charge.statement_descriptor_suffix
    return f"SIMULATOR* {suffix}" if suffix else "SIMULATOR"


def _show_method_options(intent: Intent) -> dict[str, Any]:
    card = {
        "installments": None,
        "mandate_options": None,
        "network": None,
        "request_three_d_secure": intent.request_three_d_secure,
    }
    return {"card": card, "sepa_debit": {}}


def _show_outcome(charge: StripeCharge) -> dict[str, Any]:
    card = charge.method.card
    risk = {"risk_level": card.risk.level, "risk_score": card.risk.score} if card else {}
    decline = charge.decline
    if decline is None:
        return {
            **risk,
            "network_status": "approved_by_network",
            "reason": None,
            "seller_message": "Payment complete.",
            "type": "authorized",
        }
    if card and card.risk.is_blocked:
        return {
            **risk,
            "network_status": "not_sent_to_network",
            "reason": "highest_risk_level",
            "seller_message": "Stripe blocked this payment as too risky.",
            "type": "blocked",
        }
    return {
        **risk,
        "advice_code": decline.advice or None,
        "network_decline_code": decline.network_code or None,
        "network_status": "declined_by_network",
        "reason": decline.reason or decline.code,
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }


def _show_amounts(
    amounts: Mapping[str, int], other_currencies: Mapping[str, int]
) -> list[dict[str, Any]]:
    currencies = sorted(amounts.keys() | other_currencies.keys())
    return [
        {
            "amount": amounts.get(currency, 0),
            "currency": currency,
            "source_types": {"card": amounts.get(currency, 0)},
        }
        for currency in currencies
    ]
