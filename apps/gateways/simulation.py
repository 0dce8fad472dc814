"""Try routing rules on the payments of the past before they go live."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Final, cast

from django.conf import settings
from django.utils.module_loading import import_string

from apps.common.origin import Scope
from apps.gateways.rates import read_rates
from apps.gateways.replay import PastPayment, Replay, replay_rules
from apps.gateways.routing import RoutingPolicy
from apps.gateways.rulebook import list_candidates, load_rules
from apps.gateways.services import RoutingWish, check_wish

# More take longer than a request may; these are read in one statement.
MAX_PAYMENTS: Final = 10_000


def simulate_routing(
    *, scope: Scope, wishes: Sequence[RoutingWish], replaces: str = "", last: int
) -> Replay:
    """
    Return what the latest `last` payments would have met with these rules.

    The wishes stand in for all rules in force; with `replaces` only for the rule of that id, and
    the other rules stay.

    :raises DomainError: a wish cannot be a rule
    """
    for wish in wishes:
        check_wish(wish)
    in_force = load_rules(scope)
    staying = [(priority, rule) for priority, rule in in_force if replaces and rule.id != replaces]
    wished = [(wish.priority, _policy(wish)) for wish in wishes]
    ordered = sorted([*staying, *wished], key=lambda each: each[0])
    return replay_rules(
        _past_payments(settings.ROUTED_PAYMENTS)(scope, last=min(last, MAX_PAYMENTS)),
        list_candidates(),
        in_force=[rule for _, rule in in_force],
        wished=[rule for _, rule in ordered],
        rates=read_rates(),
    )


def _policy(wish: RoutingWish) -> RoutingPolicy:
    return RoutingPolicy(name=wish.name, conditions=wish.conditions, weights=wish.weights)


@cache
def _past_payments(path: str) -> Callable[..., Sequence[PastPayment]]:
    """Ask who settings name: payments lie above gateways."""
    return cast("Callable[..., Sequence[PastPayment]]", import_string(path))
