"""Webhooks in both directions."""

from apps.webhooks.models.deliveries import Delivery, DeliveryAttempt
from apps.webhooks.models.endpoints import WebhookEndpoint
from apps.webhooks.models.inbound import InboundEvent

__all__ = ["Delivery", "DeliveryAttempt", "InboundEvent", "WebhookEndpoint"]
