"""Intents, attempts, refunds, and the payment orders that run as intents."""

from apps.payments.models.attempts import LAST4, PaymentAttempt
from apps.payments.models.intents import ORDER_ID, PaymentIntent
from apps.payments.models.orders import Checkout, PaymentOrder
from apps.payments.models.refunds import Refund

__all__ = [
    "LAST4",
    "ORDER_ID",
    "Checkout",
    "PaymentAttempt",
    "PaymentIntent",
    "PaymentOrder",
    "Refund",
]
