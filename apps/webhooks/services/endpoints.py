"""What merchants do with their endpoints, and what becomes of those that do not answer."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from apps.common.metadata import with_metadata
from apps.common.origin import Origin, Scope
from apps.outbox.services import EventDraft, publish
from apps.webhooks.destinations import check_url
from apps.webhooks.errors import EventTypeUnknown, TooManyEndpoints
from apps.webhooks.models import WebhookEndpoint
from apps.webhooks.objects import render_endpoint
from apps.webhooks.selectors import get_endpoint, list_endpoints
from apps.webhooks.signing import new_secret
from apps.webhooks.states import DeliveryStatus, EndpointStatus

# As many as Stripe allows; each event costs one delivery for each of them.
MAX_ENDPOINTS = 16
# "*", "charge.*" or "charge.dispute.created".
_EVENT_TYPE = re.compile(r"\*|[a-z_]+\.\*|[a-z0-9_]+(\.[a-z0-9_]+)+")
# How long both secrets sign after a rotation, unless the caller says otherwise.
ROTATION_OVERLAP = timedelta(hours=24)


def create_endpoint(
    *,
    scope: Scope,
    url: str,
    enabled_events: Sequence[str],
    dialect: str,
    api_version: str,
    now: datetime,
    description: str = "",
    metadata: dict[str, str] | None = None,
    remember: Callable[[str], None] | None = None,
) -> WebhookEndpoint:
    """
    Register an address for events; it gets none before it is verified.

    `remember` notes the new id in the same transaction, for a request that is repeated.

    :raises UrlRefused: we do not send there
    :raises EventTypeUnknown: one of `enabled_events` cannot be a type
    :raises TooManyEndpoints: the account has MAX_ENDPOINTS already
    """
    _check_url(url, scope)
    _check_event_types(enabled_events)
    with transaction.atomic():
        if list_endpoints(scope).count() >= MAX_ENDPOINTS:
            raise TooManyEndpoints(maximum=MAX_ENDPOINTS)
        endpoint = WebhookEndpoint.objects.create(
            merchant_id=scope.merchant_id,
            livemode=scope.livemode,
            url=url,
            description=description,
            enabled_events=list(enabled_events),
            metadata=metadata or {},
            dialect=dialect,
            api_version=api_version,
            secret=new_secret(),
            verify_at=now,
            created_at=now,
        )
        if remember is not None:
            remember(endpoint.id)
    return endpoint


def update_endpoint(
    *, scope: Scope, endpoint_id: str, now: datetime, **changes: Any
) -> WebhookEndpoint:
    """
    Change `url`, `enabled_events`, `description` or `metadata`.

    With another address the endpoint is unverified again.

    :raises ResourceMissing: no such endpoint
    :raises UrlRefused: we do not send there
    :raises EventTypeUnknown: one of `enabled_events` cannot be a type
    """
    if "url" in changes:
        _check_url(changes["url"], scope)
    _check_event_types(changes.get("enabled_events", ()))
    with transaction.atomic():
        endpoint = _lock(scope, endpoint_id)
        is_moved = changes.get("url", endpoint.url) != endpoint.url
        changes = with_metadata(changes, endpoint.metadata)
        for name in ("url", "enabled_events", "description", "metadata"):
            setattr(endpoint, name, changes.get(name, getattr(endpoint, name)))
        if is_moved and endpoint.status != EndpointStatus.UNVERIFIED:
            endpoint.distrust(verify_at=now)
        endpoint.save()
    return endpoint


def delete_endpoint(
    *, scope: Scope, endpoint_id: str, origin: Origin, now: datetime
) -> WebhookEndpoint:
    """
    Forget an endpoint; its deliveries stay for the record.

    :raises ResourceMissing: no such endpoint
    """
    with transaction.atomic():
        endpoint = _lock(scope, endpoint_id)
        if endpoint.status != EndpointStatus.DISABLED:
            _disable(endpoint, reason="deleted", origin=origin, now=now)
        endpoint.deleted_at = now
        endpoint.save(update_fields=["deleted_at"])
    return endpoint


def rotate_secret(
    *, scope: Scope, endpoint_id: str, now: datetime, overlap: timedelta = ROTATION_OVERLAP
) -> WebhookEndpoint:
    """
    Give the endpoint a new secret; for `overlap` the old one signs as well.

    :raises ResourceMissing: no such endpoint
    """
    with transaction.atomic():
        endpoint = _lock(scope, endpoint_id)
        endpoint.previous_secret = endpoint.secret
        endpoint.previous_secret_until = now + overlap
        endpoint.secret = new_secret()
        endpoint.save(update_fields=["secret", "previous_secret", "previous_secret_until"])
    return endpoint


def enable_endpoint(*, scope: Scope, endpoint_id: str, now: datetime) -> WebhookEndpoint:
    """
    Send events again; an endpoint that never proved itself becomes unverified instead.

    :raises ResourceMissing: no such endpoint
    """
    with transaction.atomic():
        endpoint = _lock(scope, endpoint_id)
        if endpoint.status == EndpointStatus.DISABLED:
            if endpoint.verified_at is None:
                endpoint.distrust(verify_at=now)
            else:
                endpoint.enable()
            endpoint.save()
    return endpoint


def disable_endpoint(
    *, scope: Scope, endpoint_id: str, reason: str, origin: Origin, now: datetime
) -> WebhookEndpoint:
    """
    Send nothing any more, and tell the merchant by an event; what was waiting is canceled.

    :raises ResourceMissing: no such endpoint
    """
    with transaction.atomic():
        endpoint = _lock(scope, endpoint_id)
        if endpoint.status != EndpointStatus.DISABLED:
            _disable(endpoint, reason=reason, origin=origin, now=now)
    return endpoint


def _disable(endpoint: WebhookEndpoint, *, reason: str, origin: Origin, now: datetime) -> None:
    endpoint.disable(reason=reason)
    endpoint.version += 1
    endpoint.save()
    # One statement for all of them: from PENDING this arrow is always allowed.
    endpoint.deliveries.filter(status=DeliveryStatus.PENDING).update(
        status=DeliveryStatus.CANCELED, finished_at=now
    )
    publish(
        EventDraft.about(
            endpoint,
            "webhook_endpoint.disabled",
            render_endpoint(endpoint),
            sequence=endpoint.version,
            origin=origin,
            now=now,
            data={"status": endpoint.status, "disabled_reason": reason},
        )
    )


def _lock(scope: Scope, endpoint_id: str) -> WebhookEndpoint:
    get_endpoint(scope=scope, endpoint_id=endpoint_id)
    return list_endpoints(scope).select_for_update().get(pk=endpoint_id)


def _check_url(url: str, scope: Scope) -> None:
    check_url(url, livemode=scope.livemode, allow_loopback=settings.WEBHOOKS_ALLOW_LOOPBACK)


def _check_event_types(names: Sequence[str]) -> None:
    for name in names:
        if not _EVENT_TYPE.fullmatch(name):
            raise EventTypeUnknown(type=name[:60], param="enabled_events")
