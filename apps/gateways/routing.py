"""Which gateways may charge a payment, in the order they are tried. Pure."""

from collections.abc import Collection, Sequence


def choose_route(configured: Sequence[str], *, chargeable: Collection[str]) -> list[str]:
    """
    Return the gateways that hold a token of the payment method, most preferred first.

    `configured` is the order of preference; `chargeable` are the gateways with a token.
    Source: ruling C12
    """
    return [name for name in configured if name in chargeable]
