"""
Which gateways may charge a payment, in the order they are tried, and why. Pure.

First whoever cannot charge it is left out; then the first matching rule speaks by its weights;
without one the success rates do, then the costs, then the configured order.
Source: ruling C12
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.gateways.capabilities import can_charge

# Fewer payments than this say nothing about a gateway.
LEAST_CALLS = 50
# A gateway must be this much better, in percent points, to be preferred: less is chance.
LEAST_LEAD = 5
# Of every hundred payments this many still go where the rates are worse, or nobody would notice
# that they are good again.
EXPLORING_PERCENT = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A configured gateway account; it takes `fee_per_mille` of a payment and `fee_fixed`."""

    name: str
    kind: str
    fee_per_mille: int = 0
    fee_fixed: int = 0

    def cost_of(self, amount: int) -> int:
        """Return what the gateway takes, in thousandths of a minor unit."""
        return amount * self.fee_per_mille + self.fee_fixed * 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Payment:
    """What routing looks at; the card's brand and country are "" while nobody knows them."""

    amount: int
    currency: str
    method_type: str = "card"
    capture: bool = True
    brand: str = ""
    country: str = ""
    seller: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """What a payment must be like; an empty condition holds for all."""

    currencies: Collection[str] = ()
    countries: Collection[str] = ()
    brands: Collection[str] = ()
    method_types: Collection[str] = ()
    sellers: Collection[str] = ()
    amount_from: int | None = None
    amount_to: int | None = None

    def hold_for(self, payment: Payment) -> bool:
        """Return whether the payment is of this kind; both amounts are included."""
        wanted = (
            (self.currencies, payment.currency),
            (self.countries, payment.country),
            (self.brands, payment.brand),
            (self.method_types, payment.method_type),
            (self.sellers, payment.seller),
        )
        is_of_kind = all(not values or value in values for values, value in wanted)
        is_enough = self.amount_from is None or payment.amount >= self.amount_from
        return (
            is_of_kind
            and is_enough
            and (self.amount_to is None or payment.amount <= self.amount_to)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RoutingPolicy:
    """
    A rule: payments of this kind go to these gateways, as often as their weights say.

    `id` and `version` name it for ever in the decisions it made; a rule that is only tried has
    neither.
    """

    name: str
    conditions: Conditions
    weights: Mapping[str, int]
    id: str = ""
    version: int = 0

    def as_reason(self, weights: Mapping[str, int]) -> dict[str, Any]:
        """Return what a decision keeps of the rule that made it."""
        return {
            "step": "rule",
            "rule": self.name,
            "id": self.id,
            "version": self.version,
            "weights": dict(weights),
        }


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of a gateway's latest payments went through."""

    calls: int
    successes: int

    @property
    def percent(self) -> float:
        return self.successes * 100 / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """The gateways in the order they are tried, and each step that led there."""

    route: list[str]
    reasons: list[dict[str, Any]] = field(default_factory=list)


def choose_route(
    payment: Payment,
    candidates: Sequence[Candidate],
    *,
    chargeable: Collection[str],
    rules: Sequence[RoutingPolicy] = (),
    rates: Mapping[str, Rate] | None = None,
    draw: Callable[[int], int],
) -> Decision:
    """
    Return where the payment is tried first, and where it may go from there.

    `candidates` stand in the configured order, `chargeable` names those with a token of the
    method; `draw(n)` is a random number below n.
    """
    reasons: list[dict[str, Any]] = []
    able = [each for each in candidates if _is_able(each, payment, chargeable, reasons)]
    rule = next((each for each in rules if each.conditions.hold_for(payment)), None)
    weights = _weights_among(rule, able)
    if rule is not None and weights:
        route = _order_by_weight(able, weights, draw)
        reasons.append(rule.as_reason(weights))
    else:
        route = _order_by_merit(payment, able, rates or {}, draw, reasons)
    return Decision(route, [*reasons, {"step": "route", "route": list(route)}])


def _is_able(
    candidate: Candidate,
    payment: Payment,
    chargeable: Collection[str],
    reasons: list[dict[str, Any]],
) -> bool:
    why_not = ""
    if candidate.name not in chargeable:
        why_not = "no_token"
    elif not can_charge(
        candidate.kind,
        method_type=payment.method_type,
        currency=payment.currency,
        capture=payment.capture,
    ):
        why_not = "not_capable"
    if why_not:
        reasons.append({"step": "left_out", "gateway": candidate.name, "reason": why_not})
    return not why_not


def _weights_among(rule: RoutingPolicy | None, able: Sequence[Candidate]) -> dict[str, int]:
    if rule is None:
        return {}
    names = {each.name for each in able}
    return {name: weight for name, weight in rule.weights.items() if name in names and weight > 0}


def _order_by_weight(
    able: Sequence[Candidate], weights: Mapping[str, int], draw: Callable[[int], int]
) -> list[str]:
    """Draw the first gateway; the others follow by weight, those without one come last."""
    ticket = draw(sum(weights.values()))
    first = ""
    for name, weight in weights.items():
        if ticket < weight:
            first = name
            break
        ticket -= weight
    others = [each.name for each in able if each.name != first]
    # The sort keeps the configured order among equals.
    return [first, *sorted(others, key=lambda name: -weights.get(name, 0))]


def _order_by_merit(
    payment: Payment,
    able: Sequence[Candidate],
    rates: Mapping[str, Rate],
    draw: Callable[[int], int],
    reasons: list[dict[str, Any]],
) -> list[str]:
    by_cost = sorted(able, key=lambda each: each.cost_of(payment.amount))
    names = [each.name for each in by_cost]
    if names != [each.name for each in able]:
        reasons.append({"step": "cost", "route": list(names)})
    better = _clearly_better(names, rates)
    if not better:
        return names
    percents = {name: round(rates[name].percent, 1) for name in names if name in rates}
    if draw(100) < EXPLORING_PERCENT:
        reasons.append({"step": "exploring", "success_percent": percents})
        return names
    reasons.append({"step": "success_rate", "success_percent": percents})
    return [better, *(name for name in names if name != better)]


def _clearly_better(names: Sequence[str], rates: Mapping[str, Rate]) -> str:
    """Return the gateway whose payments go through clearly more often than the first one's."""
    known = [name for name in names if name in rates and rates[name].calls >= LEAST_CALLS]
    if not names or names[0] not in known:
        return ""
    best = max(known, key=lambda name: rates[name].percent)
    return best if rates[best].percent - rates[names[0]].percent >= LEAST_LEAD else ""
