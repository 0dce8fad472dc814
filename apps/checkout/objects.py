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
    return {
        "id": session.id,
        "object": "checkout.session",
        "amount_subtotal": session.amount_total,
        "amount_total": session.amount_total,
        "cancel_url": session.cancel_url or None,
        "client_reference_id": session.client_reference_id or None,
        "created": int(session.created_at.timestamp()),
        "currency": session.currency.lower() or None,
        "customer": session.customer_id or None,
        "customer_details": {"email": email} if email else None,
        "customer_email": email,
        "expires_at": int(session.expires_at.timestamp()),
        "livemode": session.livemode,
        "locale": session.locale or None,
        "metadata": session.metadata,
        "mode": str(session.mode),
        # In subscription mode it is the first invoice's, and told there.
        "payment_intent": session.payment_intent_id if is_payment else None,
        "payment_method_types": ["card"],
        "payment_status": str(session.payment_status),
        "setup_intent": session.setup_intent_id or None,
        "status": str(session.status),
        "subscription": session.subscription_id or None,
        "success_url": session.success_url or None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted",
        "url": page_url(session.id) if session.status == SessionStatus.OPEN else None,
    }


def render_line_item(item: dict[str, Any], *, currency: str) -> dict[str, Any]:
    """Return one line of the basket as `item`."""
    total = item["unit_amount"] * item["quantity"]
    return {
        "id": item["id"],
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": currency.lower(),
        "description": item["name"],
        "price": item["price"] or None,
        "quantity": item["quantity"],
    }
