"""Payments, payment orders and refunds in the back-office."""

from apps.payments.admin.intents import PaymentIntentAdmin
from apps.payments.admin.orders import PaymentOrderAdmin
from apps.payments.admin.refunds import RefundAdmin

__all__ = ["PaymentIntentAdmin", "PaymentOrderAdmin", "RefundAdmin"]
