"""Shows customers and payment methods in Stripe's form."""

from typing import Any

from simulator.instruments import Authentication, BankAccount, Card
from simulator.stripe.records import Authenticated, Customer, PaymentMethod

_COUNTRY = "US"

_BILLING_DETAILS: dict[str, Any] = {
    "address": {
        "city": None,
        "country": None,
        "line1": None,
        "line2": None,
        "postal_code": None,
        "state": None,
    },
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}


def complete_billing_details(given: dict[str, Any]) -> dict[str, Any]:
    """Return all fields of the billing details, those not given as null."""
    address = {**_BILLING_DETAILS["address"], **(given.get("address") or {})}
    return {**_BILLING_DETAILS, **given, "address": address}


def show_customer(customer: Customer) -> dict[str, Any]:
    return {
        "id": customer.id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": customer.created,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": customer.description,
        "email": customer.email,
        "invoice_prefix": customer.id[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": customer.metadata,
        "name": customer.name,
        "phone": customer.phone,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def show_method(method: PaymentMethod) -> dict[str, Any]:
    return {
        "id": method.id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": method.billing_details,
        "created": method.created,
        "customer": method.customer,
        "livemode": False,
        "metadata": method.metadata,
        "type": method.type,
        method.type: _show_instrument(method),
    }


def show_charged_method(
    method: PaymentMethod,
    *,
    authenticated: Authenticated | None,
    amount_authorized: int,
    capture_before: int | None,
) -> dict[str, Any]:
    """Return a charge's copy of its payment method: `payment_method_details`."""
    if isinstance(method.instrument, BankAccount):
        debit = {**_show_account(method.instrument), "mandate": method.mandate}
        return {"type": "sepa_debit", "sepa_debit": debit}
    card = {
        **_show_card_face(method.instrument),
        "amount_authorized": amount_authorized,
        "authorization_code": "123456",
        "capture_before": capture_before,
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": method.instrument.brand,
        "network_token": {"used": False},
        "network_transaction_id": f"{sum(method.id.encode()):015d}",
        "overcapture": {"maximum_amount_capturable": amount_authorized, "status": "unavailable"},
        "three_d_secure": _show_authenticated(authenticated),
    }
    return {"type": "card", "card": card}


def _show_instrument(method: PaymentMethod) -> dict[str, Any]:
    if isinstance(method.instrument, BankAccount):
        return {
            **_show_account(method.instrument),
            "generated_from": {"charge": None, "setup_attempt": None},
        }
    return {
        **_show_card_face(method.instrument),
        "display_brand": method.instrument.brand,
        "generated_from": None,
        "networks": {"available": [method.instrument.brand], "preferred": None},
        "three_d_secure_usage": {
            "supported": method.instrument.authentication != Authentication.NEVER
        },
    }


def _show_card_face(card: Card) -> dict[str, Any]:
    return {
        "brand": card.brand,
        "checks": {
            "address_line1_check": card.address_check,
            "address_postal_code_check": card.address_check,
            "cvc_check": card.cvc_check,
        },
        "country": _COUNTRY,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": card.fingerprint,
        "funding": "credit",
        "last4": card.last4,
        "regulated_status": "unregulated",
        "wallet": None,
    }


def _show_account(account: BankAccount) -> dict[str, Any]:
    return {
        "bank_code": account.bank_code,
        "branch_code": "",
        "country": account.country,
        "fingerprint": f"iban{account.bank_code}{account.last4}",
        "last4": account.last4,
    }


def _show_authenticated(authenticated: Authenticated | None) -> dict[str, Any] | None:
    if authenticated is None:
        return None
    return {
        "authentication_flow": authenticated.flow,
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": authenticated.result,
        "result_reason": None,
        "transaction_id": None,
        "version": "2.2.0",
    }
