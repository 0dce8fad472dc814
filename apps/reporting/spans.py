"""What a report is asked for."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypedDict

from apps.common.origin import Scope


class Window(TypedDict):
    """The arguments that every read of the figures takes."""

    scope: Scope
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """
    What a report is about: whose, from when until when, and one currency or all ("").

    It is made at `made_at`, from which the age of things is told.
    """

    scope: Scope
    since: datetime
    until: datetime
    made_at: datetime
    currency: str = ""

    @property
    def last_day(self) -> date:
        """Return the last day that has a part in it."""
        return (self.until - timedelta(microseconds=1)).date()

    @property
    def window(self) -> Window:
        """Return whose figures of which hours."""
        return {"scope": self.scope, "since": self.since, "until": self.until}

    def covers(self, currency: str) -> bool:
        """Return whether amounts in this currency belong to it."""
        return self.currency in {"", currency}
