"""`/v1/events`: what happened, as it was when it happened."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from apps.api.dialect import Dialect
from apps.api.fields import TextField
from apps.api.lists import ListSchema, list_page
from apps.api.views import ApiView, Result
from apps.outbox.api.shapes import EVENT, EVENTS
from apps.outbox.models import Event
from apps.outbox.selectors import get_event, show_event


class ListEvents(ListSchema):
    type = TextField(required=False, max_length=60, min_length=1)
    related_object = TextField(required=False, max_length=40, min_length=1)


class EventView(ApiView):
    resource = "events"
    answers = {"GET": EVENT}

    def get(self, _request: HttpRequest, event_id: str) -> Result:
        """Retrieve an event."""
        self.load()
        return _show(self, get_event(scope=self.scope, event_id=event_id))


class EventsView(ApiView):
    resource = "events"
    schemas = {"GET": ListEvents}
    answers = {"GET": EVENTS}

    def get(self, request: HttpRequest) -> Result:
        """List events, newest first; `related_object` is the id of the object they are about."""
        params = self.load()
        rows = Event.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        )
        if "type" in params:
            rows = rows.filter(type=params["type"])
        if "related_object" in params:
            rows = rows.filter(object_id=params["related_object"])
        return list_page(rows, params, url=request.path, show=lambda event: _show(self, event))


def _show(view: ApiView, event: Event) -> dict[str, Any]:
    is_stripe = view.dialect is Dialect.STRIPE
    version: str = settings.STRIPE_API_VERSION if is_stripe else settings.API_VERSION
    return show_event(event, api_version=version)
