"""What can go wrong between us and a gateway. A decline is not an error, it is a result."""


class GatewayError(Exception):
    """Base of all trouble with a gateway; the text is safe to log (no token, no card data)."""


class GatewayNotSent(GatewayError):
    """
    The request surely was not processed: refused, no DNS, TLS failure, circuit open, 429.

    Fail over freely.
    """


class GatewayNeverReceived(GatewayNotSent):
    """Asked well after the call, the gateway has no payment with our reference."""


class GatewayUnknown(GatewayError):
    """
    The request may have been processed: timeout while reading, connection lost, 500, 502, 504.

    Ask the gateway (the same key again, or `find`) or fence first; never fail over blindly.
    """


class GatewayRejected(GatewayError):
    """
    The gateway refuses the request itself: our bug, a wrong key, an object it does not know.

    Nothing was charged. Neither retry nor fail over: page a person.
    """

    def __init__(self, message: str, *, code: str = "") -> None:
        self.code = code
        super().__init__(message)
