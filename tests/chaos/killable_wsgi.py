"""
The platform's web application, killed with -9 at one chosen step of one chosen request.

A step is the moment before or after a statement of the database, or a call to a gateway, of a
request with the header `X-Die-At: <n>`. The product's code knows nothing of it.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterable
from typing import Any

from django.db.backends.utils import CursorWrapper

from apps.gateways import registry
from config.wsgi import application as platform

_state = threading.local()


def _step() -> None:
    """Count one step of this thread's request, and die when it is the chosen one."""
    die_at = getattr(_state, "die_at", None)
    if die_at is None:
        return
    _state.steps += 1
    if _state.steps == die_at:
        os.kill(os.getpid(), signal.SIGKILL)


def _around(call: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **options: Any) -> Any:
        _step()
        result = call(*args, **options)
        _step()
        return result

    return wrapped


class _Killable:
    """A gateway whose calls are steps."""

    def __init__(self, gateway: Any) -> None:
        self._gateway = gateway

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._gateway, name)
        return _around(value) if callable(value) and name != "close" else value


CursorWrapper.execute = _around(CursorWrapper.execute)  # type: ignore[method-assign]
_build = registry._build
registry._build = lambda name: _Killable(_build(name))


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Serve the platform; arm the kill for a request that asks for it."""
    die_at = environ.pop("HTTP_X_DIE_AT", None)
    _state.steps = 0
    _state.die_at = int(die_at) if die_at else None
    try:
        return platform(environ, start_response)
    finally:
        _state.die_at = None
