"""How often a call to a gateway may be repeated at all."""

import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class RetryBudget:
    """
    How many calls may be repeated, as a share of those made: repeating all doubles an overload.

    Ten first calls earn one repetition; ten repetitions are in reserve, so that a quiet hour's
    single fault is repeated at once.
    """

    calls_per_retry: int = 10
    reserve: int = 10
    _earned: int = field(init=False)
    _lock: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._earned = self.reserve * self.calls_per_retry

    def note_call(self) -> None:
        """Count a first call."""
        with self._lock:
            self._earned = min(self._earned + 1, self.reserve * self.calls_per_retry)

    def take_retry(self) -> bool:
        """Return whether a call may be repeated now, and count it if so."""
        with self._lock:
            if self._earned < self.calls_per_retry:
                return False
            self._earned -= self.calls_per_retry
            return True
