"""Whose data a call touches, and who caused it: passed to every service that writes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """The walls of a call: one merchant's data, live or test. Nothing crosses them."""

    merchant_id: str
    livemode: bool


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
