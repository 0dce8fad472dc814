"""Queue events for the endpoints that want them, once and again."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q

from apps.common.errors import DomainError
from apps.common.ids import new_id
from apps.common.origin import Scope, scope_of
from apps.outbox.models import Event
from apps.outbox.selectors import get_event
from apps.webhooks.errors import EndpointNotEnabled
from apps.webhooks.models import Delivery, WebhookEndpoint
from apps.webhooks.selectors import get_endpoint
from apps.webhooks.states import DeliveryStatus, EndpointStatus

# How many events one call sends again at most.
RESEND_LIMIT = 1000

# `charge.dispute.created` is wanted by "*", "charge.*" and by its own name.
_WANTED = """
SELECT event.id, event.merchant_id, event.livemode, endpoint.id
  FROM outbox_event event
  JOIN webhooks_webhookendpoint endpoint
    ON endpoint.merchant_id = event.merchant_id AND endpoint.livemode = event.livemode
   AND endpoint.status = 'enabled'
   AND endpoint.enabled_events
       && ARRAY['*', event.type, split_part(event.type, '.', 1) || '.*']::varchar[]
 WHERE event.id = ANY (%s)
 ORDER BY event.id
"""

_QUEUE = """
INSERT INTO webhooks_delivery (id, event_id, merchant_id, livemode, endpoint_id, status, attempts,
                               scheduled_at, next_attempt_at, last_error, created_at)
SELECT id, event_id, merchant_id, livemode, endpoint_id, 'pending', 0, statement_timestamp(),
       statement_timestamp(), '', statement_timestamp()
  FROM unnest(%s::varchar[], %s::varchar[], %s::varchar[], %s::boolean[], %s::varchar[])
    AS delivery (id, event_id, merchant_id, livemode, endpoint_id)
    ON CONFLICT (event_id, endpoint_id) DO NOTHING
"""


def queue_deliveries(event_ids: list[str]) -> None:
    """Make a delivery of each event for each endpoint that wants it; a second time changes none."""
    with connection.cursor() as cursor:
        cursor.execute(_WANTED, [event_ids])
        wanted = cursor.fetchall()
        if wanted:
            ids = [new_id("wd") for _ in wanted]
            cursor.execute(_QUEUE, [ids, *(list(column) for column in zip(*wanted, strict=True))])


def resend_event(
    *, scope: Scope, event_id: str, endpoint_id: str | None = None, now: datetime
) -> list[Delivery]:
    """
    Send an event again: to the endpoint named, or to all that are enabled and had it before.

    :raises ResourceMissing: no such event or endpoint
    :raises EndpointNotEnabled: the endpoint named gets no events
    """
    event = get_event(scope=scope, event_id=event_id)
    if endpoint_id is not None:
        endpoint = _get_enabled(scope, endpoint_id)
        return [_resend(event, endpoint, now=now)]
    past = WebhookEndpoint.objects.filter(
        deliveries__event=event, status=EndpointStatus.ENABLED
    ).order_by("id")
    return [_resend(event, endpoint, now=now) for endpoint in past]


def resend_events(
    *, scope: Scope, endpoint_id: str, since: datetime, until: datetime, now: datetime
) -> int:
    """
    Send the events of a stretch of time again, whether they arrived or not; return how many.

    At most RESEND_LIMIT, the oldest first: what an endpoint missed while it was away.

    :raises ResourceMissing: no such endpoint
    :raises EndpointNotEnabled: the endpoint gets no events
    """
    endpoint = _get_enabled(scope, endpoint_id)
    wanted = Q()
    if "*" not in endpoint.enabled_events:
        for name in endpoint.enabled_events:
            prefix = name.removesuffix("*")
            wanted |= Q(type__startswith=prefix) if name != prefix else Q(type=name)
    events = Event.objects.filter(
        wanted,
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        created_at__gte=since,
        created_at__lte=until,
    ).order_by("id")[:RESEND_LIMIT]
    return len([_resend(event, endpoint, now=now) for event in events])


def resend_deliveries(*, ids: Collection[str], now: datetime) -> tuple[int, list[DomainError]]:
    """
    Send these deliveries again; return how many, and why each of the others was not.

    One whose endpoint gets no events does not stop the others.
    """
    sent, refused = 0, []
    for delivery in Delivery.objects.filter(pk__in=ids).order_by("pk"):
        try:
            resend_event(
                scope=scope_of(delivery),
                event_id=delivery.event_id,
                endpoint_id=delivery.endpoint_id,
                now=now,
            )
        except DomainError as refusal:
            refused.append(refusal)
        else:
            sent += 1
    return sent, refused


def _get_enabled(scope: Scope, endpoint_id: str) -> WebhookEndpoint:
    endpoint = get_endpoint(scope=scope, endpoint_id=endpoint_id)
    if endpoint.status != EndpointStatus.ENABLED:
        raise EndpointNotEnabled(status=endpoint.status)
    return endpoint


def _resend(event: Event, endpoint: WebhookEndpoint, *, now: datetime) -> Delivery:
    with transaction.atomic():
        delivery, is_new = Delivery.objects.select_for_update().get_or_create(
            event=event,
            endpoint=endpoint,
            defaults={
                "merchant_id": event.merchant_id,
                "livemode": event.livemode,
                "scheduled_at": now,
                "next_attempt_at": now,
                "created_at": now,
            },
        )
        if not is_new:
            if delivery.status != DeliveryStatus.PENDING:
                delivery.resend()
            delivery.scheduled_at = delivery.next_attempt_at = now
            delivery.attempts = 0
            delivery.save()
    return delivery
