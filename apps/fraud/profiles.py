"""
What is known of one card or one seller, as counts per day.

Redis keeps a profile as a hash of such counts and training replays them in memory; both hand the
same `Profile` to `apps/fraud/features.py`, so a model meets in checkout what it was trained on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SECONDS_PER_DAY: Final = 86_400
SECONDS_PER_HOUR: Final = 3_600

# Older days are dropped. A compromised seller shows for about four weeks, and labels come late.
KEEP_DAYS: Final = 45

# A purchase far above the card's habit: more than this many times the mean of what is known.
OUTLIER_FACTOR: Final = 3
# An everyday amount: at most this many halves of the mean.
PLAIN_HALVES: Final = 3
# A habit needs as many purchases as this.
OUTLIER_MIN_PURCHASES: Final = 3


@dataclass(slots=True)
class Day:
    """
    The purchases of one day, and those of them far above the habit (`outliers`).

    `amount` and `squares` sum the others, so that one stolen week does not become the habit.
    `frauds` counts what is known to be fraud by now, for labels arrive days later;
    `plain_frauds` those of an everyday amount, which speak against the seller.
    """

    count: int = 0
    amount: int = 0
    squares: int = 0
    outliers: int = 0
    frauds: int = 0
    plain_frauds: int = 0


# One letter per count keeps the hashes in Redis small.
COUNTS: Final[Mapping[str, str]] = {
    "n": "count",
    "s": "amount",
    "q": "squares",
    "o": "outliers",
    "f": "frauds",
    "p": "plain_frauds",
}


@dataclass(slots=True)
class Profile:
    """
    The days of one card or seller, and the seconds of its first and its last purchase.

    A profile in use tells of the past only: the purchase being looked at is not in it yet.
    """

    days: dict[int, Day] = field(default_factory=dict)
    first: int = 0
    last: int = 0

    def habit(self) -> tuple[int, int]:
        """Return the count and the sum of the purchases that are no outliers."""
        days = self.days.values()
        return sum(d.count - d.outliers for d in days), sum(d.amount for d in days)

    def is_outlier(self, amount: int) -> bool:
        """Return whether `amount` is far above the habit."""
        count, total = self.habit()
        return count >= OUTLIER_MIN_PURCHASES and amount * count > OUTLIER_FACTOR * total

    def is_plain(self, amount: int) -> bool:
        """Return whether `amount` is nothing special; of an unknown card any amount is special."""
        count, total = self.habit()
        return count >= OUTLIER_MIN_PURCHASES and 2 * amount * count <= PLAIN_HALVES * total

    def remember(self, *, amount: int, at: int, is_outlier: bool) -> None:
        """Count a purchase of `amount` at `at`, in seconds."""
        today = at // SECONDS_PER_DAY
        day = self.days.setdefault(today, Day())
        day.count += 1
        if is_outlier:
            day.outliers += 1
        else:
            day.amount += amount
            day.squares += amount * amount
        self.first = self.first or at
        self.last = at

    def learn_fraud(self, *, at: int, is_plain: bool) -> None:
        """Note that a purchase of back then was fraud."""
        day = self.days.get(at // SECONDS_PER_DAY)
        if day is not None:
            day.frauds += 1
            day.plain_frauds += is_plain

    def forget(self, today: int) -> None:
        """Drop the days that are too old."""
        for old in [day for day in self.days if day <= today - KEEP_DAYS]:
            del self.days[old]


def read_profile(stored: Mapping[bytes, bytes]) -> Profile:
    """Return the profile of a hash with the fields `<day>:<letter>`, `first` and `last`."""
    profile = Profile()
    for name, value in stored.items():
        place, _, letter = name.decode().partition(":")
        if letter:
            day = profile.days.setdefault(int(place), Day())
            setattr(day, COUNTS[letter], int(value))
        else:
            setattr(profile, place, int(value))
    return profile
