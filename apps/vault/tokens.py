"""The one place where gateway tokens are read in clear."""

from apps.common.encryption import decrypt, encrypt

_CONTEXT = "vault_gatewaytoken.token"


def seal(token: str) -> str:
    """Return the token as the column stores it."""
    return encrypt(token, context=_CONTEXT)


def unseal(stored: str) -> str:
    """Return the token that `seal` was given."""
    return decrypt(stored, context=_CONTEXT)
