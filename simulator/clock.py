"""The simulator's time: the machine's, plus what the tests have jumped ahead."""

import time


class Clock:
    def __init__(self) -> None:
        self._ahead_seconds = 0.0

    def now(self) -> float:
        """Return unix seconds."""
        return time.time() + self._ahead_seconds

    def advance(self, seconds: float) -> None:
        """Jump ahead; what falls due in between happens at the agenda's next look."""
        self._ahead_seconds += seconds

    def reset(self) -> None:
        """Return to the machine's time."""
        self._ahead_seconds = 0.0
