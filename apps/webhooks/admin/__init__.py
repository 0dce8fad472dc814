"""Webhooks of both directions in the back-office."""

from apps.webhooks.admin.deliveries import DeliveryAdmin
from apps.webhooks.admin.endpoints import WebhookEndpointAdmin
from apps.webhooks.admin.inbound import InboundEventAdmin

__all__ = ["DeliveryAdmin", "InboundEventAdmin", "WebhookEndpointAdmin"]
