"""Faults on request: what is to go wrong, how often, and for which calls."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

PSPS = ("stripe", "adyen", "tokens")


class FaultKind(StrEnum):
    """Calls first, webhooks after."""

    # The connection is torn down unread.
    REFUSE = "refuse"
    # Nothing is done, and no answer comes.
    TIMEOUT_BEFORE = "timeout_before"
    # Everything is done, but no answer comes.
    TIMEOUT_AFTER = "timeout_after"
    LATENCY = "latency"
    HTTP_500 = "http_500"
    # Everything is done, but the answer says 500; and says so again for the same key.
    HTTP_500_AFTER = "http_500_after"
    HTTP_429 = "http_429"
    # One minor unit more than asked for is charged.
    WRONG_AMOUNT = "wrong_amount"
    # The webhooks of a call arrive before its answer.
    EARLY_WEBHOOK = "early_webhook"

    DUPLICATE_WEBHOOK = "duplicate_webhook"
    # The webhooks of a call arrive last one first, `ms` apart.
    REORDER_WEBHOOKS = "reorder_webhooks"
    DROP_WEBHOOK = "drop_webhook"
    BAD_SIGNATURE = "bad_signature"


WEBHOOK_KINDS = frozenset(
    {
        FaultKind.DUPLICATE_WEBHOOK,
        FaultKind.REORDER_WEBHOOKS,
        FaultKind.DROP_WEBHOOK,
        FaultKind.BAD_SIGNATURE,
    }
)
CALL_KINDS = frozenset(FaultKind) - WEBHOOK_KINDS

# What a fault can be narrowed down by. A value may hold the wildcards * and ?.
MATCH_KEYS = frozenset({"path", "method", "reference", "token", "currency", "event"})

# What `ms` means when it is left out.
_DEFAULT_MS: Mapping[FaultKind, int] = {
    FaultKind.LATENCY: 300,
    FaultKind.TIMEOUT_BEFORE: 30_000,
    FaultKind.TIMEOUT_AFTER: 30_000,
    FaultKind.REORDER_WEBHOOKS: 50,
}


class InvalidFault(ValueError):
    """The request for a fault makes no sense."""


@dataclass(kw_only=True, slots=True)
class Fault:
    """`count` is how often it may still strike; None: for ever."""

    id: int
    psp: str
    kind: FaultKind
    rate: float = 1.0
    count: int | None = None
    ms: int = 0
    match: Mapping[str, str] = field(default_factory=dict)
    hits: int = 0

    @property
    def seconds(self) -> float:
        return self.ms / 1000

    @property
    def is_total(self) -> bool:
        """Return whether every single call is struck."""
        return self.rate >= 1 and self.count is None and not self.match

    def describe(self) -> dict[str, Any]:
        """Return what `/_sim/faults` shows."""
        return {
            "id": self.id,
            "psp": self.psp,
            "kind": str(self.kind),
            "rate": self.rate,
            "count": self.count,
            "ms": self.ms,
            "match": dict(self.match),
            "hits": self.hits,
        }


# What a call or event is: values by match key; a reference may be one of several.
Facts = Mapping[str, tuple[str, ...]]


class Faults:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._faults: list[Fault] = []
        self._last_id = 0

    def add(self, wish: Mapping[str, Any]) -> Fault:
        """
        Add the fault described by a control request.

        :raises InvalidFault: a field is unknown or out of range
        """
        fields = _check(wish)
        self._last_id += 1
        fault = Fault(id=self._last_id, **fields)
        self._faults.append(fault)
        return fault

    def strike(self, psp: str, kinds: Iterable[FaultKind], facts: Facts) -> list[Fault]:
        """Return the faults of these kinds that happen now, one of a kind, and count them."""
        struck: dict[FaultKind, Fault] = {}
        wanted = frozenset(kinds)
        for fault in self._faults:
            if fault.kind not in wanted or fault.kind in struck or fault.psp != psp:
                continue
            if fault.count == 0 or not _matches(fault.match, facts):
                continue
            if self._chance.random() < fault.rate:
                _count(fault)
                struck[fault.kind] = fault
        return list(struck.values())

    def is_refused(self, psp: str) -> bool:
        """Return whether the PSP is to refuse every connection."""
        return any(
            fault.psp == psp and fault.kind == FaultKind.REFUSE and fault.is_total
            for fault in self._faults
        )

    def all(self) -> list[Fault]:
        """Return the faults in the order of their arrival."""
        return list(self._faults)

    def clear(self) -> None:
        """Heal everything."""
        self._faults.clear()


def _count(fault: Fault) -> None:
    fault.hits += 1
    if fault.count is not None:
        fault.count -= 1


def _matches(match: Mapping[str, str], facts: Facts) -> bool:
    return all(
        any(fnmatchcase(value, pattern) for value in facts.get(key, ()))
        for key, pattern in match.items()
    )


def _check(wish: Mapping[str, Any]) -> dict[str, Any]:
    unknown = wish.keys() - {"psp", "kind", "rate", "count", "ms", "match"}
    if unknown:
        raise InvalidFault(f"unknown fields: {', '.join(sorted(unknown))}")
    if wish.get("psp") not in PSPS:
        raise InvalidFault(f"psp is one of {', '.join(PSPS)}")
    try:
        kind = FaultKind(wish.get("kind", ""))
    except ValueError:
        raise InvalidFault(f"kind is one of {', '.join(FaultKind)}") from None
    return {
        "psp": wish["psp"],
        "kind": kind,
        "rate": _check_rate(wish.get("rate", 1.0)),
        "count": _check_natural(wish, "count", default=None),
        "ms": _check_natural(wish, "ms", default=_DEFAULT_MS.get(kind, 0)),
        "match": _check_match(wish.get("match") or {}),
    }


def _check_rate(rate: Any) -> float:
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise InvalidFault("rate is a number from 0 to 1")
    return float(rate)


def _check_natural(wish: Mapping[str, Any], name: str, *, default: int | None) -> int | None:
    value = wish.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidFault(f"{name} is a whole number from 0 on")
    return value


def _check_match(match: Any) -> dict[str, str]:
    if not isinstance(match, Mapping) or match.keys() - MATCH_KEYS:
        raise InvalidFault(f"match is an object with some of {', '.join(sorted(MATCH_KEYS))}")
    return {key: str(pattern) for key, pattern in match.items()}
