"""Intents, attempts, refunds, and the payment orders that run as intents."""

from apps.payments.models.attempts import PaymentAttempt
from apps.payments.models.intents import PaymentIntent
from apps.payments.models.orders import Checkout, PaymentOrder
from apps.payments.models.refunds import Refund

__all__ = ["Checkout", "PaymentAttempt", "PaymentIntent", "PaymentOrder", "Refund"]
