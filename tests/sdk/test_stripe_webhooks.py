"""A webhook as it came over the wire, read by both of Stripe's SDKs; and clients that wait."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import stripe
from django.utils import timezone

from apps.api.models import Merchant
from apps.common.origin import Scope
from apps.outbox.relay import drain
from apps.webhooks.sender import send_due
from apps.webhooks.services.endpoints import rotate_secret
from tests.live.running import RunningWeb
from tests.sdk.node_sdk import run_node
from tests.webhooks.receivers import receiver
from tests.webhooks.shop import endpoint

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@dataclass(frozen=True)
class Delivered:
    """The bytes and headers that an endpoint got, and the secrets that sign meanwhile."""

    body: bytes
    headers: dict[str, str]
    secrets: tuple[str, str]


@pytest.fixture
def delivered(
    strict_web: RunningWeb, merchant: Merchant, secret_key: str, settings: Any
) -> Delivered:
    """Pay through the SDK and deliver what happened to an endpoint whose secret rotates."""
    settings.WEBHOOKS_ALLOW_LOOPBACK = True
    scope = Scope(merchant.id, livemode=False)
    client = stripe.StripeClient(secret_key, base_addresses={"api": strict_web.url})
    with receiver() as shop:
        hook = endpoint(
            shop.url,
            scope=scope,
            enabled_events=["payment_intent.succeeded"],
            dialect="stripe",
            api_version="2026-10-28.endive",
        )
        rotated = rotate_secret(scope=scope, endpoint_id=hook.id, now=timezone.now())
        client.v1.payment_intents.create(
            {"amount": 1050, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
        )
        drain(now=timezone.now())
        send_due(now=timezone.now())
        ((headers, body),) = shop.got
    return Delivered(body, headers, (hook.secret, rotated.secret))


def test_a_delivered_event_is_one_of_the_python_sdk(delivered: Delivered) -> None:
    signature = delivered.headers["stripe-signature"]

    for secret in delivered.secrets:
        event = stripe.Webhook.construct_event(delivered.body, signature, secret)
        assert (event.type, event.api_version) == (
            "payment_intent.succeeded",
            "2026-10-28.endive",
        )
        assert isinstance(event.data.object, stripe.PaymentIntent)
        assert (event.data.object.amount, event.data.object.status) == (1050, "succeeded")
    for body, secret in (
        (delivered.body.replace(b"1050", b"1"), delivered.secrets[0]),
        (delivered.body, "whsec_somebody_else"),
    ):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body, signature, secret)


def test_the_node_sdk_waits_pages_and_reads_a_delivered_event(
    node: str, strict_web: RunningWeb, secret_key: str, delivered: Delivered, tmp_path: Path
) -> None:
    file = tmp_path / "delivery.json"
    signature = delivered.headers["stripe-signature"]
    known = {"signature": signature, "secrets": delivered.secrets}
    file.write_text(json.dumps({"body": delivered.body.decode(), **known}))

    assert run_node(node, "events.mjs", strict_web, secret_key, str(file)) == {
        "made": 12,
        "paged": 12,
        "events": ["succeeded", "succeeded"],
        "forged": "StripeSignatureVerificationError",
        "stranger": "StripeSignatureVerificationError",
    }
