"""
Visa's "compelling evidence 3.0": two earlier payments that the payer never disputed (AC-89).

Pure; the payments come from `selectors`. Source: Visa, Compelling Evidence 3.0 merchant readiness
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

# Only this Visa reason (card-absent fraud) can be answered in this way.
NETWORK, REASON_CODE = "visa", "10.4"
NEEDED = 2

# How much older than the disputed payment the earlier ones are.
YOUNGEST, OLDEST = timedelta(days=120), timedelta(days=364)

# Two of these must be the same in all three payments, and one of the two from the first line.
_STRONG = ("ip_address", "device")
_ELEMENTS = (*_STRONG, "account", "shipping_address")
ELEMENT_NAMES: Mapping[str, str] = {
    "ip_address": "IP address",
    "device": "device",
    "account": "customer account",
    "shipping_address": "shipping address",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PastPayment:
    """A payment by the same card, and what is known of who paid, by the names of `_ELEMENTS`."""

    charge_id: str
    paid_at: datetime
    description: str
    is_disputed: bool
    known: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CompellingEvidence:
    """The two earlier payments, and what they have in common with the disputed one."""

    earlier: tuple[PastPayment, ...]
    matching: tuple[str, ...]


def is_eligible(*, network: str, reason_code: str) -> bool:
    """Return whether the scheme takes such evidence for this dispute at all."""
    return network == NETWORK and reason_code == REASON_CODE


def find_compelling(
    disputed: PastPayment, candidates: Iterable[PastPayment]
) -> CompellingEvidence | None:
    """
    Return the two newest earlier payments that fit, None when there are not two.

    Each must match the disputed payment in the same two elements or more.
    """
    fitting = [
        (candidate, matching)
        for candidate in sorted(candidates, key=lambda each: each.paid_at, reverse=True)
        if not candidate.is_disputed
        and YOUNGEST <= disputed.paid_at - candidate.paid_at <= OLDEST
        and _is_enough(matching := _matching(disputed, candidate))
    ]
    for place, (first, matching) in enumerate(fitting):
        for second, others in fitting[place + 1 :]:
            common = tuple(name for name in matching if name in others)
            if _is_enough(common):
                return CompellingEvidence((first, second), common)
    return None


def in_words(found: CompellingEvidence) -> str:
    """Return the evidence as the text that a bank reads."""
    elements = ", ".join(ELEMENT_NAMES[name] for name in found.matching)
    lines = [
        f"{payment.paid_at:%Y-%m-%d}: {payment.charge_id}"
        f"{f' ({payment.description})' if payment.description else ''}"
        for payment in found.earlier
    ]
    return "\n".join([f"The same card paid undisputed before, with the same {elements}:", *lines])


def _matching(one: PastPayment, other: PastPayment) -> tuple[str, ...]:
    return tuple(
        name
        for name in _ELEMENTS
        if one.known.get(name) and one.known.get(name) == other.known.get(name)
    )


def _is_enough(matching: tuple[str, ...]) -> bool:
    return len(matching) >= NEEDED and any(name in matching for name in _STRONG)
