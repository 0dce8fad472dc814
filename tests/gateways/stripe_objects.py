"""Stripe's objects as its API of 2026-10-28 answers them, cut down to what says something."""

from typing import Any

CARD = {
    "brand": "visa",
    "capture_before": None,
    "checks": {
        "address_line1_check": "unavailable",
        "address_postal_code_check": "fail",
        "cvc_check": "pass",
    },
    "country": "DE",
    "exp_month": 8,
    "exp_year": 2031,
    "fingerprint": "Xt5EWLLDS7FJjR1c",
    "funding": "debit",
    "last4": "4242",
    "three_d_secure": {"result": "authenticated", "version": "2.2.0"},
}


def balance_transaction(**changes: Any) -> dict[str, Any]:
    return {
        "id": "txn_1", "object": "balance_transaction",
        "amount": 1050, "currency": "eur", "fee": 60, "net": 990, "type": "charge",
    } | changes  # fmt: skip


def charge(**changes: Any) -> dict[str, Any]:
    return {
        "id": "ch_1",
        "object": "charge",
        "amount": 1050,
        "amount_captured": 1050,
        "amount_refunded": 0,
        "balance_transaction": balance_transaction(),
        "captured": True,
        "currency": "eur",
        "payment_intent": "pi_1",
        "payment_method_details": {"type": "card", "card": CARD},
    } | changes


def intent(**changes: Any) -> dict[str, Any]:
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 1050,
        "amount_capturable": 0,
        "amount_received": 1050,
        "currency": "eur",
        "last_payment_error": None,
        "latest_charge": charge(),
        "livemode": False,
        "metadata": {"intent": "pi_ours", "attempt": "att_ours"},
        "next_action": None,
        "payment_method": {
            "id": "pm_1", "object": "payment_method", "type": "card", "card": CARD,
        },
        "status": "succeeded",
    } | changes  # fmt: skip


def card_error(**changes: Any) -> dict[str, Any]:
    return {
        "type": "card_error",
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "advice_code": "try_again_later",
        "network_decline_code": "51",
        "message": "Your card has insufficient funds.",
    } | changes


def declined_intent(**changes: Any) -> dict[str, Any]:
    error = card_error(**changes)
    failed = charge(captured=False, amount_captured=0, balance_transaction=None)
    return intent(
        status="requires_payment_method",
        amount_received=0,
        latest_charge=failed,
        last_payment_error=error,
        payment_method=None,
    )


def refund(**changes: Any) -> dict[str, Any]:
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 300,
        "charge": "ch_1",
        "currency": "eur",
        "metadata": {"refund": "re_ours"},
        "payment_intent": "pi_1",
        "status": "succeeded",
    } | changes


def error_body(**details: Any) -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "message": "No."} | details}
