"""
The address to which a bank's page sends the payer back.

It is ours, whatever the merchant's is: some gateways take the money only once we hand them what the
payer's browser brings along. Signed, because it leads on to an address with the client secret.
"""

from django.conf import settings
from django.core.signing import BadSignature, Signer

_SALT = "payments.return"


def return_address(attempt_id: str) -> str:
    """Return where the payer of this attempt comes back to."""
    return f"{settings.PUBLIC_BASE_URL}/return/{Signer(salt=_SALT).sign(attempt_id)}"


def read_return_token(token: str) -> str | None:
    """Return the attempt that a return address names, None when we did not make it."""
    try:
        return Signer(salt=_SALT).unsign(token)
    except BadSignature:
        return None
