"""Whose data a call touches, and who caused it: passed to every service that writes."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Scope:
    """The walls of a call: one merchant's data, live or test. Nothing crosses them."""

    merchant_id: str
    livemode: bool


def scope_of(row: Any) -> Scope:
    """Return the walls around a row of a merchant."""
    return Scope(row.merchant_id, row.livemode)


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """
    Who caused a change, as the event history keeps it.

    `actor` is `api:<key id>`, `staff:<e-mail>`, `gateway:<account>` or `clock`.
    """

    actor: str
    request_id: str = ""
    idempotency_key: str = ""


CLOCK = Origin(actor="clock")
