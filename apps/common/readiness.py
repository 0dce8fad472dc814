"""How a part of the system says that it is not ready; `/readyz` asks all of them."""


class NotReady(Exception):
    """A part does not work; the message says how, to the operator."""
