"""`/v1/webhook_deliveries`, and sending an event again."""

from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import EnumField, IdField
from apps.api.lists import ListSchema, list_envelope, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json
from apps.webhooks.api.shapes import WEBHOOK_DELIVERY
from apps.webhooks.objects import render_attempt, render_delivery
from apps.webhooks.selectors import get_delivery, list_deliveries
from apps.webhooks.services.deliveries import resend_event
from apps.webhooks.states import DeliveryStatus


class ListDeliveries(ListSchema):
    event = IdField("evt", required=False)
    webhook_endpoint = IdField("we", required=False)
    status = EnumField(DeliveryStatus.values, required=False)


class ResendEvent(RequestSchema):
    webhook_endpoint = IdField("we", required=False)


class DeliveryList(ApiView):
    resource = "webhook_deliveries"
    schemas = {"GET": ListDeliveries}
    answers = {"GET": ListOf(WEBHOOK_DELIVERY)}

    def get(self, request: HttpRequest) -> Json:
        """List deliveries, newest first."""
        params = self.load()
        filters = {"event": "event_id", "webhook_endpoint": "endpoint_id", "status": "status"}
        wanted = {column: params[name] for name, column in filters.items() if name in params}
        rows = list_deliveries(self.scope).filter(**wanted)
        return list_page(rows, params, url=request.path, show=render_delivery)


class DeliveryDetail(ApiView):
    resource = "webhook_deliveries"
    answers = {"GET": WEBHOOK_DELIVERY}

    def get(self, _request: HttpRequest, delivery_id: str) -> Json:
        """Retrieve a delivery with all its tries."""
        self.load()
        delivery = get_delivery(scope=self.scope, delivery_id=delivery_id)
        tries = [render_attempt(attempt) for attempt in delivery.tries.order_by("id")]
        return {**render_delivery(delivery), "tries": tries}


class EventResend(ApiView):
    resource = "events"
    schemas = {"POST": ResendEvent}
    answers = {"POST": ListOf(WEBHOOK_DELIVERY)}

    def post(self, request: HttpRequest, event_id: str) -> Json:
        """Send an event again, to one endpoint or to all that had it."""
        params = self.load()
        deliveries = resend_event(
            scope=self.scope,
            event_id=event_id,
            endpoint_id=params.get("webhook_endpoint"),
            now=timezone.now(),
        )
        return list_envelope([render_delivery(row) for row in deliveries], url=request.path)
