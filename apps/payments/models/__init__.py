"""Intents, attempts and refunds."""

from apps.payments.models.attempts import PaymentAttempt
from apps.payments.models.intents import PaymentIntent
from apps.payments.models.refunds import Refund

__all__ = ["PaymentAttempt", "PaymentIntent", "Refund"]
