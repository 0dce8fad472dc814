"""When a service that died is started again: at once is too eager, never is too proud."""

from dataclasses import dataclass

_FIRST_DELAY_SECONDS = 1.0
_LONGEST_DELAY_SECONDS = 30.0
# A service that ran this long has recovered; its next death starts from the short delay.
_STABLE_SECONDS = 60.0


@dataclass
class Backoff:
    """The delays of one service; seconds on a clock that the caller owns."""

    started_at: float
    delay: float = 0.0
    restart_at: float | None = None

    def died(self, *, now: float) -> float:
        """Note a death and return the seconds until the restart."""
        lived = now - self.started_at
        doubled = min(self.delay * 2, _LONGEST_DELAY_SECONDS)
        self.delay = _FIRST_DELAY_SECONDS if lived >= _STABLE_SECONDS or not doubled else doubled
        self.restart_at = now + self.delay
        return self.delay

    def is_due(self, *, now: float) -> bool:
        """Return whether it waits for a restart whose time has come."""
        return self.restart_at is not None and now >= self.restart_at

    def started(self, *, now: float) -> None:
        self.started_at = now
        self.restart_at = None
