"""MAP 1: every address of the system."""

from django.urls import URLPattern, URLResolver, path

from apps.api import openapi, operations
from apps.outbox.api import events

operations_urls: list[URLPattern | URLResolver] = [
    path("healthz", operations.healthz),
    path("readyz", operations.readyz),
    path("metrics", operations.metrics),
    path("docs", openapi.docs),
    path("docs/errors", openapi.error_docs),
    path("v1/openapi.json", openapi.openapi),
]

event_urls: list[URLPattern | URLResolver] = [
    path("v1/events", events.EventsView.as_view()),
    path("v1/events/<str:event_id>", events.EventView.as_view()),
]

urlpatterns: list[URLPattern | URLResolver] = [*operations_urls, *event_urls]
