"""How setup intents look in the API and in events: Stripe's shape."""

from typing import Any

from apps.setups.models import SetupIntent


def render_setup(setup: SetupIntent) -> dict[str, Any]:
    """Return the setup as `setup_intent`."""
    return {
        "id": setup.id,
        "object": "setup_intent",
        "application": None,
        "attach_to_self": False,
        "automatic_payment_methods": None,
        "cancellation_reason": setup.cancellation_reason or None,
        "client_secret": setup.client_secret,
        "created": int(setup.created_at.timestamp()),
        "customer": setup.customer_id or None,
        "description": setup.description or None,
        "flow_directions": None,
        "last_setup_error": setup.last_setup_error,
        "latest_attempt": None,
        "livemode": setup.livemode,
        "mandate": None,
        "metadata": setup.metadata,
        "next_action": _next_action(setup),
        "on_behalf_of": None,
        "payment_method": setup.payment_method_id or None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": str(setup.status),
        "usage": str(setup.usage),
    }


def _next_action(setup: SetupIntent) -> dict[str, Any] | None:
    if setup.next_action is None:
        return None
    return {
        "type": "redirect_to_url",
        "redirect_to_url": {
            "url": setup.next_action["url"],
            "return_url": setup.return_url or None,
        },
    }
