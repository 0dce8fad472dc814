"""What we sign, the verifiers of others accept; and only that."""

import base64
import time
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
import stripe

from apps.webhooks.models import WebhookEndpoint
from apps.webhooks.signing import new_secret, sign

BODY = '{"id":"evt_1","object":"event","data":{"object":{"id":"ü"}}}'.encode()


def headers(*secrets: str, age: int = 0) -> dict[str, str]:
    timestamp = int(time.time()) - age
    return sign(BODY, message_id="evt_1", timestamp=timestamp, secrets=secrets)


def test_a_secret_reads_whsec_and_holds_32_random_bytes() -> None:
    first, second = new_secret(), new_secret()

    assert first.startswith("whsec_")
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32
    assert first != second


def test_both_signatures_of_a_known_message_are_as_openssl_makes_them() -> None:
    signed = sign(b"{}", message_id="evt_1", timestamp=1614265330, secrets=["whsec_dGVzdA=="])

    assert signed == {
        # printf '1614265330.{}' | openssl dgst -sha256 -hmac 'whsec_dGVzdA=='
        "Stripe-Signature": "t=1614265330,v1="
        "dcd552e9a62b46435918616134589042939e4e14fecc08a554538fa744c17e9d",
        "webhook-id": "evt_1",
        "webhook-timestamp": "1614265330",
        # printf 'evt_1.1614265330.{}' | openssl dgst -sha256 -hmac test -binary | base64
        "webhook-signature": "v1,xvEuWEqiwXyuJ70CfXOpljrpM7FNZulhdHH7gNzf4/g=",
    }


def test_ac_079_the_verifier_of_stripe_accepts_each_secret_while_they_rotate() -> None:
    old, new = new_secret(), new_secret()
    signature = headers(new, old)["Stripe-Signature"]

    for secret in (old, new):
        event = stripe.Webhook.construct_event(BODY, signature, secret)
        assert event.id == "evt_1"
    assert signature.count("v1=") == 2


@pytest.mark.parametrize("damage", ["another key", "altered body", "altered time", "too old"])
def test_ac_079_the_verifier_of_stripe_refuses_what_is_not_ours(damage: str) -> None:
    secret = new_secret()
    signature = headers(secret, age=301 if damage == "too old" else 0)["Stripe-Signature"]
    if damage == "altered time":
        signature = signature.replace("t=1", "t=2", 1)
    body = BODY.replace(b"evt_1", b"evt_2") if damage == "altered body" else BODY
    key = new_secret() if damage == "another key" else secret

    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body.decode(), signature, key, tolerance=300)


def test_ac_079_the_verifier_of_standard_webhooks_accepts_each_secret() -> None:
    old, new = new_secret(), new_secret()
    signed = headers(new, old)

    for secret in (old, new):
        assert standardwebhooks.Webhook(secret).verify(BODY, signed)["id"] == "evt_1"


def test_ac_079_the_verifier_of_standard_webhooks_refuses_another_key_and_an_old_message() -> None:
    secret = new_secret()

    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(new_secret()).verify(BODY, headers(secret))
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(BODY, headers(secret, age=301))


def test_the_old_secret_signs_until_the_rotation_ends() -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    endpoint = WebhookEndpoint(
        secret="new", previous_secret="old", previous_secret_until=now + timedelta(hours=24)
    )

    assert endpoint.secrets_at(now) == ["new", "old"]
    assert endpoint.secrets_at(now + timedelta(hours=24)) == ["new"]
