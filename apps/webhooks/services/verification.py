"""Ask an endpoint to prove that it wants our events, before it gets any."""

import asyncio
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from apps.api.dialect import Dialect
from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.common.transactions import release_connection
from apps.webhooks.models import WebhookEndpoint
from apps.webhooks.objects import to_body
from apps.webhooks.policies import verification_wait_after
from apps.webhooks.selectors import get_endpoint
from apps.webhooks.services.endpoints import create_endpoint
from apps.webhooks.signing import sign
from apps.webhooks.states import EndpointStatus
from apps.webhooks.transport import TOTAL_SECONDS, Answer, open_transport

VERIFICATION_TYPE = "webhook_endpoint.verification"
# A request waits for it, so it gets less time than the clock gives it afterwards.
INLINE_SECONDS = 5.0
BATCH_SIZE = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """`refusal` says why the answer is no proof, empty when it is one."""

    endpoint_id: str
    url: str
    refusal: str
    duration_ms: int


def verify_endpoint(
    *, scope: Scope, endpoint_id: str, now: datetime, total_seconds: float = TOTAL_SECONDS
) -> tuple[WebhookEndpoint, str]:
    """
    Send the challenge and enable the endpoint if it answers it; return it with the refusal, if any.

    Talks to the endpoint, so it runs outside any transaction. An endpoint that is not unverified
    is left alone.

    :raises ResourceMissing: no such endpoint
    """
    endpoint = get_endpoint(scope=scope, endpoint_id=endpoint_id)
    if endpoint.status != EndpointStatus.UNVERIFIED:
        return endpoint, ""
    (verdict,) = _ask_all([endpoint], now=now, total_seconds=total_seconds)
    return _record(verdict, now=now), verdict.refusal


def add_endpoint(
    *,
    scope: Scope,
    url: str,
    enabled_events: Sequence[str],
    api_version: str,
    description: str,
    now: datetime,
) -> tuple[WebhookEndpoint, str]:
    """
    Register an endpoint and send it the challenge; return it with the refusal, if any.

    Its dialect is that of `api_version`. One that does not answer yet is asked again by itself.

    :raises UrlRefused: we do not send there
    :raises EventTypeUnknown: one of `enabled_events` cannot be a type
    :raises TooManyEndpoints: the account has MAX_ENDPOINTS already
    """
    is_stripes = api_version == settings.STRIPE_API_VERSION
    endpoint = create_endpoint(
        scope=scope,
        url=url,
        enabled_events=enabled_events,
        dialect=Dialect.STRIPE if is_stripes else Dialect.OWN,
        api_version=api_version,
        description=description,
        now=now,
    )
    return verify_endpoint(
        scope=scope, endpoint_id=endpoint.id, now=now, total_seconds=INLINE_SECONDS
    )


def try_endpoint(*, scope: Scope, endpoint_id: str, now: datetime) -> Verdict:
    """
    Send the challenge to an endpoint as it stands, to see how it answers; nothing changes.

    :raises ResourceMissing: no such endpoint
    """
    endpoint = get_endpoint(scope=scope, endpoint_id=endpoint_id)
    (verdict,) = _ask_all([endpoint], now=now, total_seconds=INLINE_SECONDS)
    return verdict


def verify_due_endpoints(*, now: datetime) -> int:
    """Ask the endpoints again that did not answer when they were made; return how many."""
    with transaction.atomic():
        due = list(
            WebhookEndpoint.objects.select_for_update(skip_locked=True)
            .filter(verify_at__lte=now, status=EndpointStatus.UNVERIFIED)
            .order_by("verify_at")[:BATCH_SIZE]
        )
        # Nobody else asks meanwhile; and should this process die, somebody will.
        WebhookEndpoint.objects.filter(pk__in=[endpoint.pk for endpoint in due]).update(
            verify_at=now + timedelta(seconds=2 * TOTAL_SECONDS)
        )
    for verdict in _ask_all(due, now=now, total_seconds=TOTAL_SECONDS) if due else ():
        _record(verdict, now=now)
    return len(due)


def _ask_all(
    endpoints: Sequence[WebhookEndpoint], *, now: datetime, total_seconds: float
) -> list[Verdict]:
    release_connection()

    async def ask() -> list[Verdict]:
        async with open_transport() as transport:

            async def ask_one(endpoint: WebhookEndpoint) -> Verdict:
                challenge = secrets.token_urlsafe(24)
                body = to_body(_challenge_message(endpoint, challenge, now=now))
                answer = await transport.post(
                    endpoint.url,
                    body=body,
                    headers=_signature(endpoint, body, now=now),
                    allow_loopback=settings.WEBHOOKS_ALLOW_LOOPBACK and not endpoint.livemode,
                    total_seconds=total_seconds,
                )
                refusal = _judge(answer, challenge, dialect=endpoint.dialect)
                return Verdict(endpoint.id, endpoint.url, refusal, answer.duration_ms)

            return list(await asyncio.gather(*map(ask_one, endpoints)))

    return asyncio.run(ask())


def _challenge_message(
    endpoint: WebhookEndpoint, challenge: str, *, now: datetime
) -> dict[str, object]:
    return {
        "id": new_id("evt"),
        "object": "event",
        "type": VERIFICATION_TYPE,
        "created": int(now.timestamp()),
        "livemode": endpoint.livemode,
        "api_version": endpoint.api_version,
        "data": {
            "object": {
                "id": endpoint.id,
                "object": VERIFICATION_TYPE,
                "challenge": challenge,
            }
        },
        "request": {"id": None, "idempotency_key": None},
    }


def _signature(endpoint: WebhookEndpoint, body: bytes, *, now: datetime) -> dict[str, str]:
    return sign(
        body,
        message_id=json.loads(body)["id"],
        timestamp=int(now.timestamp()),
        secrets=endpoint.secrets_at(now),
    )


def _judge(answer: Answer, challenge: str, *, dialect: str) -> str:
    """Return why the answer is no proof; empty when it is one."""
    if not answer.is_success:
        return answer.error or f"HTTP status {answer.status_code}"
    if dialect == Dialect.STRIPE:
        # Handlers written for Stripe know no challenge; their owner chose this dialect.
        return ""
    try:
        echo = json.loads(answer.body)
    except ValueError:
        return "the answer is not JSON"
    if not isinstance(echo, dict) or echo.get("challenge") != challenge:
        return "the answer does not repeat the challenge"
    return ""


def _record(verdict: Verdict, *, now: datetime) -> WebhookEndpoint:
    with transaction.atomic():
        endpoint = WebhookEndpoint.objects.select_for_update().get(pk=verdict.endpoint_id)
        # It was asked without a lock: it may have moved, or been enabled or deleted meanwhile.
        if endpoint.status != EndpointStatus.UNVERIFIED or endpoint.url != verdict.url:
            return endpoint
        if verdict.refusal:
            endpoint.verification_attempts += 1
            wait = verification_wait_after(endpoint.verification_attempts)
            endpoint.verify_at = None if wait is None else now + wait
        else:
            endpoint.enable()
            endpoint.verified_at = now
        endpoint.save()
    return endpoint
