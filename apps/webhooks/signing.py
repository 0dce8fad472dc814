"""
Signatures of what we send, in both common schemes, and the secrets they are made with.

Sources: docs.stripe.com/webhooks "Verify manually"; standardwebhooks.com specification 1.0.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105 - says what follows it
SECRET_BYTES = 32


def new_secret() -> str:
    """Return a secret that both schemes take."""
    return SECRET_PREFIX + base64.b64encode(os.urandom(SECRET_BYTES)).decode()


def sign(body: bytes, *, message_id: str, timestamp: int, secrets: Sequence[str]) -> dict[str, str]:
    """Return the headers of a signed message; while secrets rotate, each of them signs."""
    stripe = [_stripe_signature(body, timestamp, secret) for secret in secrets]
    standard = [_standard_signature(body, message_id, timestamp, secret) for secret in secrets]
    return {
        "Stripe-Signature": ",".join([f"t={timestamp}", *(f"v1={text}" for text in stripe)]),
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{text}" for text in standard),
    }


def _stripe_signature(body: bytes, timestamp: int, secret: str) -> str:
    # Stripe's key is the text of the secret, with its prefix.
    return hmac.digest(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hex()


def _standard_signature(body: bytes, message_id: str, timestamp: int, secret: str) -> str:
    # Standard Webhooks' key is the bytes which the text encodes.
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b"%s.%d." % (message_id.encode(), timestamp) + body
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
