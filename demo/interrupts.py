"""Ctrl-C once stops in good order; Ctrl-C again ends at once."""

import os
import signal
import time
from collections.abc import Callable

# One key press can arrive twice: from the terminal and from a parent that passes it on.
_SAME_PRESS_SECONDS = 1.0
_KILLED_EXIT_CODE = 130


class Leave(BaseException):
    """Somebody asked the platform to stop. No error, so nothing that handles errors catches it."""


class Interrupts:
    """Turns the first signal into `Leave`, wherever the main thread is, a later one into death."""

    def __init__(self, *, kill: Callable[[], None]) -> None:
        self._kill = kill
        self._first_at: float | None = None
        self._shielded = False

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def shield(self) -> None:
        """From here on the platform is stopping: a first signal has nothing left to ask for."""
        self._shielded = True

    def _on_signal(self, number: int, _frame: object) -> None:
        now = time.monotonic()
        if self._first_at is None:
            self._first_at = now
            if not self._shielded:
                self._shielded = True
                raise Leave
        elif number == signal.SIGINT and now - self._first_at > _SAME_PRESS_SECONDS:
            self._kill()
            os._exit(_KILLED_EXIT_CODE)
