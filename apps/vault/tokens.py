"""The one place where gateway tokens are read in clear."""

from apps.common.encryption import blind_index, blind_indexes, decrypt, encrypt

_CONTEXT = "vault_gatewaytoken.token"


def seal(token: str) -> str:
    """Return the token as the column stores it."""
    return encrypt(token, context=_CONTEXT)


def unseal(stored: str) -> str:
    """Return the token that `seal` was given."""
    return decrypt(stored, context=_CONTEXT)


def digest_of(token: str) -> str:
    """Return what stands beside a sealed token, so that it can be looked up."""
    return blind_index(token, context=_CONTEXT)


def digests_of(token: str) -> list[str]:
    """Return every digest under which the token may stand."""
    return blind_indexes(token, context=_CONTEXT)
