"""How old exceptions are, in a few steps, by the day on which the money moved."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db.models import Q


@dataclass(frozen=True, slots=True)
class Age:
    """An exception is of the oldest step of which it has all `days`."""

    label: str
    days: int


AGES: Final = (
    Age("Up to a day", 0),
    Age("2 or 3 days", 2),
    Age("4 to 7 days", 4),
    Age("8 to 30 days", 8),
    Age("Older", 31),
)


def is_of_age(age: Age, *, today: date) -> Q:
    """Return the condition for exceptions of this step."""
    older = [each for each in AGES if each.days > age.days]
    condition = Q(day__lte=today - timedelta(days=age.days)) if age.days else Q()
    return condition & Q(day__gt=today - timedelta(days=older[0].days)) if older else condition
