"""`POST /webhooks/<kind>/<account>`: where the gateways call us."""

import logging

from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.gateways.base import Gateway, InvalidSignature
from apps.gateways.registry import UnknownGateway, get_webhook_source
from apps.gateways.token_service import TokenService
from apps.webhooks import metrics
from apps.webhooks.inbound import store_gateway_events

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024
# What a person needs to see who called; the rest is not ours to keep.
KEPT_HEADERS = ("content-type", "user-agent", "stripe-signature")
# Adyen counts an event as delivered only when it reads these very bytes.
# Source: docs.adyen.com/development-resources/webhooks, "Accept notifications".
ACKNOWLEDGEMENTS = {"adyen": "[accepted]"}


@csrf_exempt
@require_POST
def receive_gateway_webhook(request: HttpRequest, kind: str, account: str) -> HttpResponse:
    """
    Keep what a gateway tells, if it is the gateway who tells it; answer 200 once it is kept.

    Telling twice is fine. When it cannot be kept the answer is 500, so that the gateway calls
    again (ruling C3).
    """
    gateway = _find_gateway(kind, account)
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        return HttpResponse(status=413)
    try:
        events = gateway.parse_webhook(body=body, headers=headers, now=timezone.now())
    except InvalidSignature:
        metrics.count_inbound("refused")
        return HttpResponse(status=400)
    kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
    try:
        store_gateway_events(gateway=account, events=events, body=body, headers=kept)
    except DatabaseError:
        logger.exception("an event of %s could not be kept", account)
        return HttpResponse(status=500)
    return HttpResponse(ACKNOWLEDGEMENTS.get(kind, ""), content_type="text/plain")


def _find_gateway(kind: str, account: str) -> Gateway | TokenService:
    try:
        gateway = get_webhook_source(account)
    except UnknownGateway:
        raise Http404 from None
    if gateway.kind != kind:
        raise Http404
    return gateway
