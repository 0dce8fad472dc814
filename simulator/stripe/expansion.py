"""Replaces ids by their objects where `expand[]` asks for it."""

from collections.abc import Callable, Mapping
from typing import Any

from simulator.stripe.errors import InvalidRequest

_MAX_DEPTH = 4

# Which fields of which object hold ids that can be replaced.
_EXPANDABLE: Mapping[str, frozenset[str]] = {
    "payment_intent": frozenset({"latest_charge", "payment_method", "customer"}),
    "setup_intent": frozenset({"payment_method", "customer"}),
    "charge": frozenset({"balance_transaction", "customer", "payment_intent"}),
    "refund": frozenset(
        {"balance_transaction", "charge", "payment_intent", "failure_balance_transaction"}
    ),
    "payment_method": frozenset({"customer"}),
    "payout": frozenset({"balance_transaction"}),
    "balance_transaction": frozenset({"source"}),
}

# Returns the shown object with this id, None when there is none.
LookUp = Callable[[str], dict[str, Any] | None]


def expand(shown: dict[str, Any], paths: list[str], look_up: LookUp) -> dict[str, Any]:
    """
    Expand the object in place and return it.

    :raises InvalidRequest: a path leads nowhere
    """
    for path in paths:
        steps = path.split(".")
        if len(steps) > _MAX_DEPTH + 1:
            raise InvalidRequest("You can expand four levels deep at most.", param="expand")
        _follow(shown, steps, path, look_up)
    return shown


def _follow(shown: dict[str, Any], steps: list[str], path: str, look_up: LookUp) -> None:
    if not steps:
        return
    step, rest = steps[0], steps[1:]
    if step == "data" and isinstance(shown.get("data"), list):
        for item in shown["data"]:
            _follow(item, rest, path, look_up)
        return
    if step not in _EXPANDABLE.get(shown.get("object", ""), frozenset()):
        raise InvalidRequest(f"This property cannot be expanded ({path}).", param="expand")
    value = shown[step]
    if isinstance(value, str):
        value = shown[step] = look_up(value) or value
    if isinstance(value, dict):
        _follow(value, rest, path, look_up)
