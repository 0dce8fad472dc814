"""How payment methods look in the API and in events."""

from typing import Any

from apps.vault.models import Mandate, PaymentMethod
from apps.vault.states import Acceptance

_NO_BILLING_DETAILS = {"address": None, "email": None, "name": None, "phone": None}


def render_method(method: PaymentMethod) -> dict[str, Any]:
    """Return the method as `payment_method`."""
    shown: dict[str, Any] = {
        "id": method.id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {**_NO_BILLING_DETAILS, **method.billing_details},
        "created": int(method.created_at.timestamp()),
        "customer": method.customer_id,
        "livemode": method.livemode,
        "metadata": method.metadata,
        "type": method.type,
    }
    if method.type == "card":
        shown["card"] = {
            "brand": method.brand or None,
            "checks": None,
            "country": method.country or None,
            "display_brand": method.brand or None,
            "exp_month": method.exp_month or None,
            "exp_year": method.exp_year or None,
            "fingerprint": method.fingerprint or None,
            "funding": method.funding or None,
            "last4": method.last4 or None,
            "networks": None,
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        }
    else:
        shown[method.type] = {
            "bank_code": method.bank_name or None,
            "country": method.country or None,
            "fingerprint": method.fingerprint or None,
            "last4": method.last4 or None,
        }
    return shown


def render_mandate(mandate: Mandate) -> dict[str, Any]:
    """Return the mandate as `mandate`."""
    acceptance: dict[str, Any] = {
        "accepted_at": int(mandate.accepted_at.timestamp()),
        "type": str(mandate.acceptance),
        "offline": {} if mandate.acceptance == Acceptance.OFFLINE else None,
        "online": None,
    }
    if mandate.acceptance == Acceptance.ONLINE:
        acceptance["online"] = {"ip_address": mandate.ip, "user_agent": mandate.user_agent}
    return {
        "id": mandate.id,
        "object": "mandate",
        "customer_acceptance": acceptance,
        "livemode": mandate.livemode,
        "multi_use": {},
        "payment_method": mandate.payment_method_id,
        "payment_method_details": {
            "type": "sepa_debit",
            "sepa_debit": {"reference": mandate.reference, "url": None},
        },
        "status": "active" if mandate.is_active else "inactive",
        "type": "multi_use",
    }
