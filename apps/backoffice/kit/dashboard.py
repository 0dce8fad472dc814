"""What the first page shows; config/backoffice.py lists it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """
    Work that waits: a number and the list behind it.

    `count` is the path of `(user: User, *, now: datetime) -> int` which answers from an index;
    `url` is the name of the list, `query` narrows it down. `permission` decides who sees it.
    """

    label: str
    hint: str
    count: str
    url: str
    permission: str
    query: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One of today's numbers, ready to be read; `hint` says what it is made of."""

    label: str
    value: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Where figures come from: `read` is the path of `(*, now: datetime) -> list[Figure]`."""

    read: str
    permission: str
