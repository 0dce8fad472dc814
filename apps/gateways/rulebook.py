"""The routing rules in force, kept in each process's memory, and decisions by them."""

import random
import time
from collections.abc import Collection
from typing import Any

from django.conf import settings

from apps.common.origin import Scope
from apps.gateways.capabilities import find_capabilities
from apps.gateways.models import RoutingRule
from apps.gateways.rates import read_rates
from apps.gateways.routing import (
    Candidate,
    Conditions,
    Decision,
    Payment,
    RoutingPolicy,
    choose_route,
)

# For how long a process may go on with rules that were changed meanwhile.
LOOK_EVERY_SECONDS = 5.0

# Weights need no secrecy.
_chance = random.SystemRandom()

_loaded: dict[Scope, tuple[float, list[RoutingPolicy]]] = {}


def decide_route(scope: Scope, payment: Payment, *, chargeable: Collection[str]) -> Decision:
    """Return where the payment goes, by the rules and what is known of the gateways."""
    return choose_route(
        payment,
        list_candidates(),
        chargeable=chargeable,
        rules=rules_in_force(scope),
        rates=read_rates(),
        draw=_chance.randrange,
    )


def list_candidates() -> list[Candidate]:
    """Return the configured gateways, the preferred one first."""
    return [_candidate(name, account) for name, account in settings.GATEWAYS.items()]


def takers_of_network_tokens(method_type: str) -> frozenset[str]:
    """Return the configured gateways that charge the card schemes' tokens."""
    takers = set()
    for each in list_candidates():
        capabilities = find_capabilities(each.kind, method_type)
        if capabilities is not None and capabilities.network_tokens:
            takers.add(each.name)
    return frozenset(takers)


def rules_in_force(scope: Scope) -> list[RoutingPolicy]:
    """Return the merchant's active rules, the first to be asked first."""
    loaded_at, rules = _loaded.get(scope, (0.0, []))
    if time.monotonic() - loaded_at > LOOK_EVERY_SECONDS or scope not in _loaded:
        rules = [rule for _, rule in load_rules(scope)]
        _loaded[scope] = (time.monotonic(), rules)
    return rules


def load_rules(scope: Scope) -> list[tuple[int, RoutingPolicy]]:
    """Return the merchant's active rules from the database, each behind its priority."""
    rows = RoutingRule.objects.filter(
        merchant_id=scope.merchant_id, livemode=scope.livemode, is_active=True
    ).order_by("priority", "id")
    return [(row.priority, read_rule(row)) for row in rows]


def read_rule(row: RoutingRule) -> RoutingPolicy:
    """Return the rule as decisions use it."""
    return RoutingPolicy(
        id=row.id,
        version=row.version,
        name=row.name,
        conditions=read_conditions(row),
        weights=row.weights,
    )


def read_conditions(row: RoutingRule) -> Conditions:
    """Return the rule's conditions."""
    return Conditions(
        currencies=tuple(row.currencies),
        countries=tuple(row.countries),
        brands=tuple(row.brands),
        method_types=tuple(row.method_types),
        sellers=tuple(row.sellers),
        amount_from=row.amount_from,
        amount_to=row.amount_to,
    )


def forget_rules() -> None:
    """Load the rules anew at the next decision."""
    _loaded.clear()


def _candidate(name: str, account: dict[str, Any]) -> Candidate:
    return Candidate(
        name=name,
        kind=account.get("kind", name.split("_", maxsplit=1)[0]),
        fee_per_mille=account.get("fee_per_mille", 0),
        fee_fixed=account.get("fee_fixed", 0),
    )
