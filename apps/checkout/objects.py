"""How checkout sessions look in the API and in events: Stripe's shape."""

from typing import Any

from django.conf import settings

from apps.checkout.models import Session
from apps.checkout.states import SessionMode, SessionStatus


def page_url(session_id: str) -> str:
    """Return the address of the hosted page; the id in it has 80 random bits."""
    return f"{settings.PUBLIC_BASE_URL}/pay/{session_id}"


def render_session(session: Session) -> dict[str, Any]:
    """Return the session as `checkout.session`."""
    email = session.customer_email or None
    is_payment = session.mode == SessionMode.PAYMENT
    is_subscription = session.mode == SessionMode.SUBSCRIPTION
    return {
        "id": session.id,
        "object": "checkout.session",
        "adaptive_pricing": None,
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": session.amount_total,
        "amount_total": session.amount_total,
        "automatic_tax": {"enabled": False, "liability": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": session.cancel_url or None,
        "client_reference_id": session.client_reference_id or None,
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": int(session.created_at.timestamp()),
        "currency": session.currency.lower() or None,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {},
        "customer": session.customer_id or None,
        "customer_creation": None,
        "customer_details": {"email": email} if email else None,
        "customer_email": email,
        "discounts": [],
        "expires_at": int(session.expires_at.timestamp()),
        "invoice": None,
        "invoice_creation": None,
        "livemode": session.livemode,
        "locale": session.locale or None,
        "metadata": session.metadata,
        "mode": str(session.mode),
        "origin_context": None,
        # In subscription mode it is the first invoice's, and told there.
        "payment_intent": session.payment_intent_id if is_payment else None,
        "payment_link": None,
        "payment_method_collection": "always" if is_subscription else "if_required",
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": str(session.payment_status),
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "presentment_details": None,
        "recovered_from": None,
        "saved_payment_method_options": None,
        # That of a trial is the page's own, as the payment is.
        "setup_intent": None if is_subscription else session.setup_intent_id or None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": str(session.status),
        "submit_type": None,
        "subscription": session.subscription_id or None,
        "success_url": session.success_url or None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted",
        "url": page_url(session.id) if session.status == SessionStatus.OPEN else None,
        "wallet_options": None,
    }


def render_line_item(session: Session, item: dict[str, Any]) -> dict[str, Any]:
    """Return one line of the session's basket as `item`; of a trial nothing is due."""
    total = 0 if session.has_trial else item["unit_amount"] * item["quantity"]
    return {
        "id": item["id"],
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": session.currency.lower(),
        "description": item["name"],
        "price": item["price"] or None,
        "quantity": item["quantity"],
    }
