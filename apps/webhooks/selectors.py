"""Reads of endpoints and deliveries, and of what waits to be heard."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Min, QuerySet

from apps.common.origin import Scope
from apps.common.rows import get_row
from apps.gateways.base import EventKind
from apps.webhooks.models import Delivery, InboundEvent, WebhookEndpoint
from apps.webhooks.states import WAITING


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
    return get_row(
        list_endpoints(scope), scope, endpoint_id, resource="webhook endpoint", param="id"
    )


def list_deliveries(scope: Scope) -> QuerySet[Delivery]:
    """Return the merchant's deliveries."""
    return Delivery.objects.filter(merchant_id=scope.merchant_id, livemode=scope.livemode)


def get_delivery(*, scope: Scope, delivery_id: str) -> Delivery:
    """
    Return one delivery.

    :raises ResourceMissing: no such delivery in this account and mode
    """
    return get_row(Delivery.objects, scope, delivery_id, resource="webhook delivery", param="id")


def find_oldest_waiting(kinds: Collection[EventKind]) -> datetime | None:
    """Return since when the oldest event of these kinds waits, None when all were heard."""
    waiting = InboundEvent.objects.filter(status__in=WAITING, kind__in=kinds)
    oldest: datetime | None = waiting.aggregate(at=Min("received_at"))["at"]
    return oldest
