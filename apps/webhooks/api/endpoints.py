"""`/v1/webhook_endpoints`."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from apps.api.dialect import Dialect
from apps.api.fields import (
    BooleanField,
    IntegerField,
    ListField,
    MetadataField,
    TextField,
    TimestampField,
)
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json
from apps.common.errors import InvalidParameter
from apps.common.metadata import merge_metadata
from apps.webhooks.api.shapes import DELETED_WEBHOOK_ENDPOINT, WEBHOOK_ENDPOINT, WEBHOOK_RESEND
from apps.webhooks.errors import EndpointNotVerified
from apps.webhooks.models import WebhookEndpoint
from apps.webhooks.models.endpoints import MAX_URL_LENGTH
from apps.webhooks.objects import render_endpoint
from apps.webhooks.selectors import get_endpoint, list_endpoints
from apps.webhooks.services.deliveries import resend_events
from apps.webhooks.services.endpoints import (
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    rotate_secret,
    update_endpoint,
)
from apps.webhooks.services.verification import INLINE_SECONDS, verify_endpoint

MAX_OVERLAP_HOURS = 168


class CreateEndpoint(RequestSchema):
    url = TextField(min_length=1, max_length=MAX_URL_LENGTH)
    enabled_events = ListField(TextField(min_length=1, max_length=60))
    description = TextField(required=False, max_length=500)
    metadata = MetadataField()
    api_version = TextField(required=False, max_length=40)


class UpdateEndpoint(RequestSchema):
    url = TextField(required=False, min_length=1, max_length=MAX_URL_LENGTH)
    enabled_events = ListField(TextField(min_length=1, max_length=60), required=False)
    description = TextField(required=False, max_length=500)
    metadata = MetadataField()
    disabled = BooleanField(required=False)


class RotateSecret(RequestSchema):
    overlap_hours = IntegerField(required=False, default=24, max_value=MAX_OVERLAP_HOURS)


class ResendEvents(RequestSchema):
    since = TimestampField()
    until = TimestampField(required=False)


class EndpointList(ApiView):
    resource = "webhook_endpoints"
    schemas = {"GET": ListSchema, "POST": CreateEndpoint}
    answers = {"GET": ListOf(WEBHOOK_ENDPOINT), "POST": WEBHOOK_ENDPOINT}
    # The new endpoint is asked for its proof before the answer leaves.
    transactional_answer = False

    def get(self, request: HttpRequest) -> Json:
        """List webhook endpoints, newest first."""
        rows = list_endpoints(self.scope)
        return list_page(rows, self.load(), url=request.path, show=render_endpoint)

    def post(self, _request: HttpRequest) -> Json:
        """Create a webhook endpoint; its secret is in this answer only."""
        now = timezone.now()
        params = self.load()
        endpoint_id = self.claim.object_id if self.claim else ""
        endpoint_id = endpoint_id or self._create(params, now).id
        endpoint, _ = verify_endpoint(
            scope=self.scope, endpoint_id=endpoint_id, now=now, total_seconds=INLINE_SECONDS
        )
        return render_endpoint(endpoint, with_secret=True)

    def _create(self, params: dict[str, Any], now: datetime) -> WebhookEndpoint:
        dialect, api_version = self._version(params.get("api_version"))
        return create_endpoint(
            scope=self.scope,
            url=params["url"],
            enabled_events=params["enabled_events"],
            description=params.get("description", ""),
            metadata=merge_metadata({}, params.get("metadata")),
            dialect=dialect,
            api_version=api_version,
            remember=self.claim.remember if self.claim else None,
            now=now,
        )

    def _version(self, wanted: str | None) -> tuple[Dialect, str]:
        """Return the dialect of the endpoint: the one it asks for, else that of the request."""
        versions = {
            Dialect.OWN: settings.API_VERSION,
            Dialect.STRIPE: settings.STRIPE_API_VERSION,
        }
        for dialect, version in versions.items():
            if wanted == version or (wanted is None and dialect is self.dialect):
                return dialect, version
        known = ", ".join(versions.values())
        raise InvalidParameter(f"api_version must be one of: {known}.", param="api_version")


class EndpointDetail(ApiView):
    resource = "webhook_endpoints"
    schemas = {"POST": UpdateEndpoint}
    answers = {
        "GET": WEBHOOK_ENDPOINT,
        "POST": WEBHOOK_ENDPOINT,
        "DELETE": DELETED_WEBHOOK_ENDPOINT,
    }

    def get(self, _request: HttpRequest, endpoint_id: str) -> Json:
        """Retrieve a webhook endpoint."""
        self.load()
        return render_endpoint(get_endpoint(scope=self.scope, endpoint_id=endpoint_id))

    def post(self, _request: HttpRequest, endpoint_id: str) -> Json:
        """Update a webhook endpoint; one with a new address is verified again."""
        now = timezone.now()
        changes = self.load()
        disabled = changes.pop("disabled", None)
        endpoint = update_endpoint(scope=self.scope, endpoint_id=endpoint_id, now=now, **changes)
        if disabled is not None:
            endpoint = self._switch(endpoint_id, disabled=disabled, now=now)
        return render_endpoint(endpoint)

    def delete(self, _request: HttpRequest, endpoint_id: str) -> Json:
        """Delete a webhook endpoint."""
        self.load()
        delete_endpoint(
            scope=self.scope, endpoint_id=endpoint_id, origin=self.origin, now=timezone.now()
        )
        return {"id": endpoint_id, "object": "webhook_endpoint", "deleted": True}

    def _switch(self, endpoint_id: str, *, disabled: bool, now: datetime) -> WebhookEndpoint:
        if not disabled:
            return enable_endpoint(scope=self.scope, endpoint_id=endpoint_id, now=now)
        return disable_endpoint(
            scope=self.scope,
            endpoint_id=endpoint_id,
            reason="by_merchant",
            origin=self.origin,
            now=now,
        )


class EndpointRotateSecret(ApiView):
    resource = "webhook_endpoints"
    schemas = {"POST": RotateSecret}
    answers = {"POST": WEBHOOK_ENDPOINT}

    def post(self, _request: HttpRequest, endpoint_id: str) -> Json:
        """Make a new secret; for `overlap_hours` the old one signs as well."""
        overlap = timedelta(hours=self.load()["overlap_hours"])
        endpoint = rotate_secret(
            scope=self.scope, endpoint_id=endpoint_id, overlap=overlap, now=timezone.now()
        )
        return render_endpoint(endpoint, with_secret=True)


class EndpointEnable(ApiView):
    resource = "webhook_endpoints"
    answers = {"POST": WEBHOOK_ENDPOINT}

    def post(self, _request: HttpRequest, endpoint_id: str) -> Json:
        """Enable a disabled webhook endpoint."""
        self.load()
        endpoint = enable_endpoint(scope=self.scope, endpoint_id=endpoint_id, now=timezone.now())
        return render_endpoint(endpoint)


class EndpointVerify(ApiView):
    resource = "webhook_endpoints"
    answers = {"POST": WEBHOOK_ENDPOINT}
    transactional_answer = False

    def post(self, _request: HttpRequest, endpoint_id: str) -> Json:
        """Send the challenge to an unverified webhook endpoint now."""
        self.load()
        endpoint, refusal = verify_endpoint(
            scope=self.scope, endpoint_id=endpoint_id, now=timezone.now()
        )
        if refusal:
            raise EndpointNotVerified(reason=refusal)
        return render_endpoint(endpoint)


class EndpointResend(ApiView):
    resource = "webhook_endpoints"
    schemas = {"POST": ResendEvents}
    answers = {"POST": WEBHOOK_RESEND}

    def post(self, _request: HttpRequest, endpoint_id: str) -> Json:
        """Send the events of a stretch of time again."""
        now = timezone.now()
        params = self.load()
        resent = resend_events(
            scope=self.scope,
            endpoint_id=endpoint_id,
            since=params["since"],
            until=params.get("until", now),
            now=now,
        )
        return {"object": "webhook_resend", "webhook_endpoint": endpoint_id, "resent": resent}
