"""
The platform's own objects in Stripe's dialect: a pure mapping, applied when an answer is written.

A request with a `Stripe-Version` header speaks this dialect (docs/api/dialects.md).
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

JsonObject = dict[str, Any]


class Dialect(StrEnum):
    OWN = "own"
    STRIPE = "stripe"


def to_stripe(value: Any) -> Any:
    """Return the value with every object in it as Stripe's API shows it; the input stays."""
    if isinstance(value, list):
        return [to_stripe(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    translated = {key: to_stripe(entry) for key, entry in value.items()}
    # `object` is the kind of an object, but in the data of an event the object itself.
    kind = value.get("object")
    own_kind = _BY_OBJECT.get(kind) if isinstance(kind, str) else None
    return own_kind(translated) if own_kind else translated


def translate(value: Any, dialect: Dialect) -> Any:
    """Return the value in the dialect."""
    return to_stripe(value) if dialect is Dialect.STRIPE else value


def _payment_intent(intent: JsonObject) -> JsonObject:
    status = intent.get("status")
    if status == "created":
        has_method = intent.get("payment_method") is not None
        intent["status"] = "requires_confirmation" if has_method else "requires_payment_method"
    elif status == "processing" and _awaits_review(intent):
        # Stripe has no such action: the payer has nothing to do but wait.
        intent["next_action"] = None
    elif status == "expired":
        intent["status"] = "canceled"
        intent["cancellation_reason"] = intent.get("cancellation_reason") or "expired"
    else:
        intent["status"] = _INTENT_STATUS.get(str(status), status)
    return intent


def _awaits_review(intent: JsonObject) -> bool:
    action = intent.get("next_action")
    return isinstance(action, dict) and action.get("type") == "review"


def _event(event: JsonObject) -> JsonObject:
    """Translate what the object was before, too; those attributes do not say whose they are."""
    data = event.get("data", {})
    shown, previous = data.get("object"), data.get("previous_attributes")
    if previous and shown.get("object") == "payment_intent":
        before = _payment_intent({**shown, **previous})
        data["previous_attributes"] = {name: before[name] for name in previous}
    return event


_INTENT_STATUS = {
    "failed": "requires_payment_method",
    "refunded": "succeeded",
    "conflicted": "processing",
}

_BY_OBJECT: dict[str, Callable[[JsonObject], JsonObject]] = {
    "event": _event,
    "payment_intent": _payment_intent,
}
