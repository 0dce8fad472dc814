"""Reads of endpoints and deliveries."""

from django.db.models import QuerySet

from apps.common.errors import ResourceMissing
from apps.common.origin import Scope
from apps.webhooks.models import Delivery, WebhookEndpoint


def list_endpoints(scope: Scope) -> QuerySet[WebhookEndpoint]:
    """Return the merchant's endpoints that are not deleted."""
    return WebhookEndpoint.objects.filter(
        merchant_id=scope.merchant_id, livemode=scope.livemode, deleted_at__isnull=True
    )


def get_endpoint(*, scope: Scope, endpoint_id: str) -> WebhookEndpoint:
    """
    Return one endpoint.

    :raises ResourceMissing: no such endpoint in this account and mode
    """
    endpoint = list_endpoints(scope).filter(pk=endpoint_id).first()
    if endpoint is None:
        raise ResourceMissing(param="id", resource="webhook endpoint", id=endpoint_id[:60])
    return endpoint


def list_deliveries(scope: Scope) -> QuerySet[Delivery]:
    """Return the merchant's deliveries."""
    return Delivery.objects.filter(merchant_id=scope.merchant_id, livemode=scope.livemode)


def get_delivery(*, scope: Scope, delivery_id: str) -> Delivery:
    """
    Return one delivery.

    :raises ResourceMissing: no such delivery in this account and mode
    """
    delivery = list_deliveries(scope).filter(pk=delivery_id).first()
    if delivery is None:
        raise ResourceMissing(param="id", resource="webhook delivery", id=delivery_id[:60])
    return delivery
