"""How customers look in the API and in events."""

from typing import Any

from apps.customers.models import Customer


def render_customer(customer: Customer) -> dict[str, Any]:
    """Return the customer as `customer`."""
    return {
        "id": customer.id,
        "object": "customer",
        "address": customer.address,
        "balance": customer.balance,
        "created": int(customer.created_at.timestamp()),
        "currency": customer.currency.lower() or None,
        "default_source": None,
        "delinquent": False,
        "description": customer.description or None,
        "email": customer.email or None,
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": customer.default_payment_method_id or None,
            "footer": None,
        },
        "livemode": customer.livemode,
        "metadata": customer.metadata,
        "name": customer.name or None,
        "phone": customer.phone or None,
        "preferred_locales": customer.preferred_locales,
        "shipping": customer.shipping,
        "tax_exempt": str(customer.tax_exempt),
        "test_clock": customer.test_clock_id or None,
        "time_zone": customer.time_zone,
    }
