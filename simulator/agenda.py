"""What happens later by itself: debits settle, holds expire, payouts arrive."""

import asyncio
import heapq
import itertools
from collections.abc import Callable

from simulator.clock import Clock

_LOOK_EVERY_SECONDS = 0.02


class Agenda:
    """Actions by their time. Each action looks for itself whether it is still called for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Run the action once that much of the simulator's time has gone by."""
        entry = (self._clock.now() + seconds, next(self._order), action)
        heapq.heappush(self._entries, entry)

    def run_due(self) -> None:
        """Run what is due, in the order of its time."""
        while self._entries and self._entries[0][0] <= self._clock.now():
            _due_at, _order, action = heapq.heappop(self._entries)
            action()

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    async def keep_looking(self) -> None:
        """Run what falls due until cancelled."""
        while True:
            self.run_due()
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
