"""What every app's part of the demo's data is made from: one seed, one span of days."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.common.origin import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Demo:
    """
    How much demo data, of which merchant, up to when.

    Each part draws from dice of its own, so that one part's changes leave the others as they were.
    """

    scope: Scope
    days: int
    payments: int
    seed: int
    now: datetime

    @property
    def begins_at(self) -> datetime:
        """The oldest moment of the data."""
        return self.now - timedelta(days=self.days)

    def dice(self, part: str) -> random.Random:
        """Return the random numbers of a part: the same for the same seed."""
        return random.Random(f"{self.seed} {part}")  # noqa: S311 - not for secrets
