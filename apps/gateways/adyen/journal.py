"""
What Adyen has told us: the only place where the state of its payments can be read.

Adyen's API has no way to ask how a payment stands. It says so in its answers and in notifications,
and leaves it to the merchant to keep them; the adapter folds them into a state whenever asked.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """
    One thing Adyen told, once per `reference`, `code` and `success`.

    `code` is the notification's event code, or `answer:` and the result of our own call.
    `reference` is Adyen's id of what happened, `payment_reference` that of the payment it belongs
    to ("" before the bank is asked), `merchant_reference` ours as we sent it along.
    """

    code: str
    success: bool
    reference: str
    payment_reference: str
    merchant_reference: str
    amount: int
    currency: str
    occurred_at: datetime
    reason: str = ""
    # Holds the token of a stored method, among others.
    details: Mapping[str, str] = field(default_factory=dict, repr=False)


class Journal(Protocol):
    """Keeps the facts of one account. Thread-safe, shared by all processes."""

    def note(self, facts: Sequence[Fact]) -> None:
        """Keep the facts that are new."""

    def find(self, references: Collection[str]) -> list[Fact]:
        """Return the facts with one of these as a reference of any kind, oldest first."""


def collect_facts(journal: Journal, reference: str) -> list[Fact]:
    """
    Return all facts of the payment or refund with this reference, be it Adyen's or ours.

    A payment that waits for its payer has only our reference, its authorisation has both, and its
    captures only Adyen's; so what is found first tells by what names to look again.
    """
    facts = journal.find({reference})
    names = _names_of(facts)
    return facts if names <= {reference} else journal.find(names | {reference})


def _names_of(facts: Iterable[Fact]) -> set[str]:
    names = {each.payment_reference for each in facts}
    names |= {each.merchant_reference for each in facts}
    return names - {""}
