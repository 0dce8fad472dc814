"""What checkout sessions look like in answers."""

from apps.api.shapes import (
    AMOUNT,
    BOOLEAN,
    EXPANDABLE,
    INTEGER,
    MAP,
    MAP_OR_NULL,
    METADATA,
    TEXT,
    TEXT_OR_NULL,
    TEXTS,
    TIME,
    ListOf,
    Shape,
    one_of,
)
from apps.checkout.states import PaymentStatus, SessionMode, SessionStatus

CHECKOUT_SESSION = Shape(
    "CheckoutSession",
    "checkout.session",
    {
        "id": TEXT,
        "amount_subtotal": AMOUNT,
        "amount_total": AMOUNT,
        "cancel_url": TEXT_OR_NULL,
        "client_reference_id": TEXT_OR_NULL,
        "created": TIME,
        "currency": TEXT_OR_NULL,
        "customer": EXPANDABLE,
        "customer_details": MAP_OR_NULL,
        "customer_email": TEXT_OR_NULL,
        "expires_at": TIME,
        "livemode": BOOLEAN,
        "locale": TEXT_OR_NULL,
        "metadata": METADATA,
        "mode": one_of(SessionMode.values),
        "payment_intent": EXPANDABLE,
        "payment_method_types": TEXTS,
        "payment_status": one_of(PaymentStatus.values),
        "setup_intent": EXPANDABLE,
        "status": one_of(SessionStatus.values),
        "subscription": EXPANDABLE,
        "success_url": TEXT_OR_NULL,
        "total_details": MAP,
        "ui_mode": TEXT,
        "url": TEXT_OR_NULL,
    },
)
CHECKOUT_SESSIONS = ListOf(CHECKOUT_SESSION)

LINE_ITEM = Shape(
    "CheckoutLineItem",
    "item",
    {
        "id": TEXT,
        "amount_discount": AMOUNT,
        "amount_subtotal": AMOUNT,
        "amount_tax": AMOUNT,
        "amount_total": AMOUNT,
        "currency": TEXT,
        "description": TEXT,
        "price": EXPANDABLE,
        "quantity": INTEGER,
    },
)
LINE_ITEMS = ListOf(LINE_ITEM)
