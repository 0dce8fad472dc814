"""The six classes of errors of Stripe's SDKs, Python and Node, each as its application sees it."""

import uuid
from typing import Any

import pytest
import stripe
from django.utils import timezone

from apps.api.models import ApiKeyKind, Merchant
from apps.api.services import create_api_key
from tests.live.running import RunningWeb
from tests.sdk.conftest import WRITES_PER_SECOND, client_of
from tests.sdk.node_sdk import run_node

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def restricted_key(merchant: Merchant) -> str:
    _key, secret = create_api_key(
        merchant=merchant,
        livemode=False,
        now=timezone.now(),
        kind=ApiKeyKind.RESTRICTED,
        scopes=["customers:read"],
    )
    return secret


def flood(client: stripe.StripeClient) -> None:
    for _ in range(10 * WRITES_PER_SECOND):
        client.v1.customers.create({})


def test_each_refusal_raises_its_class(
    strict_web: RunningWeb, secret_key: str, restricted_key: str
) -> None:
    client = client_of(strict_web, secret_key)
    key = str(uuid.uuid4())

    with pytest.raises(stripe.CardError) as declined:
        client.v1.payment_intents.create(
            {
                "amount": 1000,
                "currency": "eur",
                "confirm": True,
                "payment_method": "tok_chargeDeclined",
            }
        )
    with pytest.raises(stripe.InvalidRequestError) as invalid:
        client.v1.payment_intents.create({"amount": 1, "currency": "eur"})
    client.v1.customers.create({"name": "Ada"}, {"idempotency_key": key})
    with pytest.raises(stripe.IdempotencyError) as reused:
        client.v1.customers.create({"name": "Bob"}, {"idempotency_key": key})
    with pytest.raises(stripe.AuthenticationError) as stranger:
        client_of(strict_web, f"sk_test_{uuid.uuid4().hex}").v1.customers.list()
    with pytest.raises(stripe.PermissionError) as forbidden:
        client_of(strict_web, restricted_key).v1.customers.create({"name": "Ada"})
    with pytest.raises(stripe.RateLimitError) as flooded:
        flood(client)

    assert seen(declined) == (402, "card_declined")
    assert seen(invalid) == (400, "amount_too_small")
    assert seen(reused) == (400, "idempotency_key_reused")
    assert seen(stranger) == (401, "api_key_invalid")
    assert seen(forbidden) == (403, "permission_denied")
    assert seen(flooded) == (429, "rate_limit")
    headers = flooded.value.headers
    assert headers is not None
    assert (headers["RateLimit-Limit"], headers["RateLimit-Remaining"]) == (
        str(WRITES_PER_SECOND),
        "0",
    )
    assert headers["Retry-After"] == "1"


def test_a_client_that_waits_gets_through(strict_web: RunningWeb, secret_key: str) -> None:
    patient = stripe.StripeClient(
        secret_key, base_addresses={"api": strict_web.url}, max_network_retries=5
    )

    made = {patient.v1.customers.create({}).id for _ in range(2 * WRITES_PER_SECOND)}

    assert len(made) == 2 * WRITES_PER_SECOND


def test_node_sees_the_same_classes(
    node: str, strict_web: RunningWeb, secret_key: str, restricted_key: str
) -> None:
    seen_there = run_node(node, "errors.mjs", strict_web, secret_key, restricted_key)

    assert seen_there == [
        ["StripeCardError", 402, "card_declined"],
        ["StripeInvalidRequestError", 400, "amount_too_small"],
        ["StripeIdempotencyError", 400, "idempotency_key_reused"],
        ["StripeAuthenticationError", 401, "api_key_invalid"],
        ["StripePermissionError", 403, "permission_denied"],
        ["StripeRateLimitError", 429, "rate_limit"],
    ]


def seen(raised: "pytest.ExceptionInfo[stripe.StripeError]") -> tuple[Any, Any]:
    # Some of the SDK's classes know their code only by the error object.
    error = raised.value.error
    return raised.value.http_status, error and error.code
