"""Which ports to listen on."""

import socket
from collections.abc import Iterable

LOOPBACK = "127.0.0.1"
WEB_PORT = 8000
SIMULATOR_PORT = 8100

# How far to look for a free port before giving up.
_SEARCH_WIDTH = 50


class PortTaken(Exception):
    """Somebody else listens there; the text says how to choose another port."""


def choose_port(
    *, asked: int | None, default: int, variable: str, taken: Iterable[int] = ()
) -> int:
    """
    Return the port asked for, or the first free one from the default upwards.

    :raises PortTaken: the port asked for is in use, or none near the default is free
    """
    if asked is not None:
        if asked in taken or not is_free(asked):
            raise PortTaken(
                f"Port {asked} is in use by another program. "
                f"Stop it, or choose another: make run {variable}={asked + 1}"
            )
        return asked
    for port in range(default, default + _SEARCH_WIDTH):
        if port not in taken and is_free(port):
            return port
    raise PortTaken(f"No free port from {default} on. Choose one: make run {variable}=20000")


def is_free(port: int) -> bool:
    """Return whether a listener could bind the port now."""
    with socket.socket() as probe:
        # As servers do: a connection of an earlier run in TIME_WAIT is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen()
        except OSError:
            return False
    return True
