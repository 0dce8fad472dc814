"""An endpoint proves that it wants our events before it gets any (AC-80)."""

import json
from datetime import timedelta

import pytest
import standardwebhooks
import stripe

from apps.common.origin import CLOCK
from apps.webhooks.models import WebhookEndpoint
from apps.webhooks.policies import VERIFICATION_WAITS_SECONDS, verification_wait_after
from apps.webhooks.services.endpoints import delete_endpoint, update_endpoint
from apps.webhooks.services.verification import verify_due_endpoints, verify_endpoint
from tests.webhooks.receivers import always, echo_challenge, receiver
from tests.webhooks.shop import NOW, SCOPE, endpoint

pytestmark = [
    pytest.mark.usefixtures("listening", "loopback_allowed"),
    pytest.mark.django_db,
]


def verify(hook: WebhookEndpoint) -> str:
    """Return the refusal, empty when there is none."""
    _, refusal = verify_endpoint(scope=SCOPE, endpoint_id=hook.id, now=NOW)
    hook.refresh_from_db()
    return refusal


def test_ac_080_an_endpoint_that_repeats_the_challenge_is_enabled() -> None:
    with receiver(reply=echo_challenge) as shop:
        hook = endpoint(shop.url, enabled=False)

        assert verify(hook) == ""

    assert (hook.status, hook.verified_at, hook.verify_at) == ("enabled", NOW, None)
    ((headers, body),) = shop.got
    message = json.loads(body)
    assert message["type"] == "webhook_endpoint.verification"
    assert message["data"]["object"]["id"] == hook.id
    assert len(message["data"]["object"]["challenge"]) == 32
    assert headers["webhook-id"] == message["id"]


def test_ac_080_the_challenge_is_signed_like_every_event() -> None:
    with receiver(reply=echo_challenge) as shop:
        hook = endpoint(shop.url, enabled=False)
        verify(hook)

    ((headers, body),) = shop.got
    assert headers["stripe-signature"].startswith(f"t={int(NOW.timestamp())},v1=")
    stripe.WebhookSignature.verify_header(
        body.decode(), headers["stripe-signature"], hook.secret, tolerance=None
    )
    expected = standardwebhooks.Webhook(hook.secret).sign(headers["webhook-id"], NOW, body.decode())
    assert headers["webhook-signature"] == expected


@pytest.mark.parametrize(
    ("status", "answer", "refusal"),
    [
        (200, b"", "the answer is not JSON"),
        (200, b"ok", "the answer is not JSON"),
        (200, b"[]", "the answer does not repeat the challenge"),
        (200, b'{"challenge":"guess"}', "the answer does not repeat the challenge"),
        (302, b"", "HTTP status 302"),
        (500, b"", "HTTP status 500"),
    ],
)
def test_ac_080_any_other_answer_leaves_the_endpoint_unverified(
    status: int, answer: bytes, refusal: str
) -> None:
    with receiver(reply=always(status, answer)) as shop:
        hook = endpoint(shop.url, enabled=False)

        assert verify(hook) == refusal

    assert (hook.status, hook.verification_attempts) == ("unverified", 1)
    assert hook.verify_at == NOW + timedelta(seconds=10)


def test_ac_080_of_stripes_dialect_a_plain_2xx_is_enough() -> None:
    with receiver() as shop, receiver(reply=always(400)) as broken:
        hook = endpoint(shop.url, enabled=False, dialect="stripe")
        other = endpoint(broken.url, enabled=False, dialect="stripe")

        assert verify(hook) == ""
        assert verify(other) == "HTTP status 400"

    assert (hook.status, other.status) == ("enabled", "unverified")


def test_an_endpoint_that_cannot_be_reached_is_asked_again_by_the_clock() -> None:
    hook = endpoint("http://127.0.0.1:9/", enabled=False, now=NOW)

    assert verify_due_endpoints(now=NOW) == 1
    assert verify_due_endpoints(now=NOW + timedelta(seconds=9)) == 0
    with receiver(reply=echo_challenge) as shop:
        WebhookEndpoint.objects.update(url=shop.url)
        assert verify_due_endpoints(now=NOW + timedelta(seconds=10)) == 1

    hook.refresh_from_db()
    assert hook.status == "enabled"
    assert verify_due_endpoints(now=NOW + timedelta(days=1)) == 0


def test_the_clock_gives_up_after_its_waits() -> None:
    waits = [verification_wait_after(n) for n in range(1, len(VERIFICATION_WAITS_SECONDS) + 2)]

    assert [wait and wait.total_seconds() for wait in waits] == [10, 60, 300, 1800, None]


def test_an_enabled_endpoint_is_not_asked() -> None:
    with receiver() as shop:
        hook = endpoint(shop.url)

        assert verify(hook) == ""

    assert shop.got == []


def test_an_endpoint_with_a_new_address_has_to_prove_it_again() -> None:
    with receiver() as shop:
        hook = endpoint("http://127.0.0.1:9/")

        moved = update_endpoint(scope=SCOPE, endpoint_id=hook.id, url=shop.url, now=NOW)

    assert (moved.status, moved.verify_at, moved.verified_at) == ("unverified", NOW, None)


def test_a_deleted_endpoint_is_not_asked_any_more() -> None:
    with receiver() as shop:
        hook = endpoint(shop.url, enabled=False, dialect="stripe")
        delete_endpoint(scope=SCOPE, endpoint_id=hook.id, origin=CLOCK, now=NOW)

        assert verify_due_endpoints(now=NOW + timedelta(days=1)) == 0

    hook.refresh_from_db()
    assert (hook.status, hook.disabled_reason) == ("disabled", "deleted")
    assert shop.got == []
