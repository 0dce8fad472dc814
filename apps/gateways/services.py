"""Write the routing rules; whoever decides by them reads `rulebook`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import ClassVar, Final

from django.db import transaction
from django.db.models import QuerySet

from apps.common.errors import DomainError, InvalidParameter, ResourceMissing
from apps.common.origin import Origin, Scope
from apps.gateways.models import RoutingRule
from apps.gateways.registry import gateway_names
from apps.gateways.routing import Conditions
from apps.gateways.rulebook import forget_rules, read_conditions

# A share finer than a thousandth cannot be told from chance.
MAX_WEIGHT: Final = 1000


class RuleWithoutGateway(DomainError):
    """A rule without any weight would send payments nowhere."""

    code: ClassVar[str] = "routing_rule_empty"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "At least one gateway needs a weight above zero."


class GatewayNotConfigured(DomainError):
    code: ClassVar[str] = "gateway_unknown"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "No gateway account is called {gateway}; there are: {known}."


@dataclass(frozen=True, kw_only=True, slots=True)
class RoutingWish:
    """What a routing rule is to be; amounts are minor units, currencies upper-case."""

    name: str
    weights: Mapping[str, int]
    conditions: Conditions = field(default_factory=Conditions)
    priority: int = 100
    is_active: bool = False


def create_routing_rule(
    *, scope: Scope, wish: RoutingWish, origin: Origin, now: datetime
) -> RoutingRule:
    """
    Write a rule; while it is not active it only waits to be tried.

    :raises GatewayNotConfigured: a weight for an account that the settings do not name
    :raises RuleWithoutGateway: no weight above zero
    :raises InvalidParameter: the range of amounts is empty
    """
    check_wish(wish)
    with transaction.atomic():
        rule = RoutingRule.objects.create(
            merchant_id=scope.merchant_id,
            livemode=scope.livemode,
            changed_by=origin.actor,
            created_at=now,
            **_columns(wish),
        )
        transaction.on_commit(forget_rules)
    return rule


def change_routing_rule(
    *, scope: Scope, rule_id: str, wish: RoutingWish, origin: Origin
) -> RoutingRule:
    """
    Write the rule's next version; wishing what is there already writes none.

    Other processes go by it within seconds, see `rulebook`.

    :raises ResourceMissing: no such rule
    :raises GatewayNotConfigured: a weight for an account that the settings do not name
    :raises RuleWithoutGateway: no weight above zero
    :raises InvalidParameter: the range of amounts is empty
    """
    check_wish(wish)
    with transaction.atomic():
        rule = _own(scope).select_for_update().filter(pk=rule_id).first()
        if rule is None:
            raise _missing(rule_id)
        if wish_of(rule) == wish:
            return rule
        for name, value in _columns(wish).items():
            setattr(rule, name, value)
        rule.version += 1
        rule.changed_by = origin.actor
        rule.save()
        transaction.on_commit(forget_rules)
    return rule


def get_routing_rule(scope: Scope, rule_id: str) -> RoutingRule:
    """
    Return the rule.

    :raises ResourceMissing: not of this account and mode
    """
    rule = _own(scope).filter(pk=rule_id).first()
    if rule is None:
        raise _missing(rule_id)
    return rule


def wish_of(rule: RoutingRule) -> RoutingWish:
    """Return what the rule is, as somebody would wish it."""
    return RoutingWish(
        name=rule.name,
        priority=rule.priority,
        is_active=rule.is_active,
        weights=rule.weights,
        conditions=read_conditions(rule),
    )


def check_wish(wish: RoutingWish) -> None:
    """
    Refuse what cannot be a rule.

    :raises GatewayNotConfigured: a weight for an account that the settings do not name
    :raises RuleWithoutGateway: no weight above zero
    :raises InvalidParameter: the range of amounts is empty
    """
    known = gateway_names()
    for gateway in wish.weights:
        if gateway not in known:
            raise GatewayNotConfigured(gateway=gateway, known=", ".join(known), param="weights")
    if not any(wish.weights.values()):
        raise RuleWithoutGateway(param="weights")
    least, most = wish.conditions.amount_from, wish.conditions.amount_to
    if least is not None and most is not None and least > most:
        raise InvalidParameter(
            f"No amount is at least {least} and at most {most}.", param="conditions[amount_to]"
        )


def _own(scope: Scope) -> QuerySet[RoutingRule]:
    return RoutingRule.objects.filter(merchant_id=scope.merchant_id, livemode=scope.livemode)


def _missing(rule_id: str) -> ResourceMissing:
    return ResourceMissing(resource="routing_rule", id=rule_id)


def _columns(wish: RoutingWish) -> dict[str, object]:
    return {
        "name": wish.name,
        "priority": wish.priority,
        "is_active": wish.is_active,
        "weights": dict(wish.weights),
        **{name: _as_json(value) for name, value in asdict(wish.conditions).items()},
    }


def _as_json(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
