"""
What other routing rules would have done with past payments. Pure.

A payment counts where it would have been tried first. How often it would have gone through there
is taken from what the same past says of that gateway and currency; so a gateway that hardly had
payments has no expectation.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zlib import crc32

from apps.gateways.routing import (
    LEAST_CALLS,
    Candidate,
    Payment,
    Rate,
    RoutingPolicy,
    choose_route,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PastPayment:
    """
    A payment as it was when its first attempt began.

    `gateway` is where that went, `chargeable` who could have charged it, `went_through` how it
    ended, None when nobody knows.
    """

    id: str
    at: datetime
    payment: Payment
    gateway: str
    chargeable: Collection[str]
    went_through: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """
    How payments are divided among gateways, and what that brings.

    `costs` are minor units by currency. `success_percent` is None when too little is known of a
    gateway that has a share.
    """

    firsts: Mapping[str, int]
    unroutable: int
    costs: Mapping[str, int]
    success_percent: float | None

    def render(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        routed = sum(self.firsts.values())
        return {
            "gateways": [
                {
                    "gateway": name,
                    "payments": count,
                    "share_percent": round(count * 100 / routed, 1),
                }
                for name, count in sorted(self.firsts.items())
            ],
            "unroutable": self.unroutable,
            "cost": [
                {"currency": currency.lower(), "amount": amount}
                for currency, amount in sorted(self.costs.items())
            ],
            "expected_success_percent": self.success_percent,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """The past as it was, as the rules in force divide it, and as the candidates would."""

    payments: int
    since: datetime | None
    until: datetime | None
    moved: int
    actual: Outlook
    in_force: Outlook
    candidate: Outlook

    def render(self) -> dict[str, Any]:
        """Return it as `routing.simulation`."""
        return {
            "object": "routing.simulation",
            "payments": self.payments,
            "since": None if self.since is None else int(self.since.timestamp()),
            "until": None if self.until is None else int(self.until.timestamp()),
            "moved": self.moved,
            "actual": self.actual.render(),
            "in_force": self.in_force.render(),
            "candidate": self.candidate.render(),
            "difference": {
                "cost": self._cost_difference(),
                "expected_success_points": self.success_points,
            },
        }

    @property
    def success_points(self) -> float | None:
        """How many percent points more would go through, None when nobody can say."""
        before, after = self.in_force.success_percent, self.candidate.success_percent
        return None if before is None or after is None else round(after - before, 1)

    def _cost_difference(self) -> list[dict[str, Any]]:
        before, after = self.in_force.costs, self.candidate.costs
        return [
            {"currency": each.lower(), "amount": after.get(each, 0) - before.get(each, 0)}
            for each in sorted({*before, *after})
        ]


def replay_rules(
    past: Sequence[PastPayment],
    candidates: Sequence[Candidate],
    *,
    in_force: Sequence[RoutingPolicy],
    wished: Sequence[RoutingPolicy],
    rates: Mapping[str, Rate],
) -> Replay:
    """
    Return what `wished` rules in place of those `in_force` would have changed.

    The same question always has the same answer: where chance decides, it is drawn from the
    payment's id.
    """

    def route(rules: Sequence[RoutingPolicy]) -> list[str]:
        return [_first_gateway(each, candidates, rules, rates) for each in past]

    before, after = route(in_force), route(wished)
    look = _Expectations(past, candidates).outlook
    return Replay(
        payments=len(past),
        since=min((each.at for each in past), default=None),
        until=max((each.at for each in past), default=None),
        moved=sum(old != new for old, new in zip(before, after, strict=True)),
        actual=look([each.gateway for each in past]),
        in_force=look(before),
        candidate=look(after),
    )


def _first_gateway(
    each: PastPayment,
    candidates: Sequence[Candidate],
    rules: Sequence[RoutingPolicy],
    rates: Mapping[str, Rate],
) -> str:
    decision = choose_route(
        each.payment,
        candidates,
        chargeable=each.chargeable,
        rules=rules,
        rates=rates,
        draw=_draw_by(each.id),
    )
    return decision.route[0] if decision.route else ""


def _draw_by(payment_id: str) -> Callable[[int], int]:
    ticket = crc32(payment_id.encode())
    return lambda below: ticket % below


class _Expectations:
    """What each gateway would take for these payments, and how often they would go through."""

    def __init__(self, past: Sequence[PastPayment], candidates: Iterable[Candidate]) -> None:
        self._past = past
        self._candidates = {each.name: each for each in candidates}
        self._rates = _observed_rates(past)

    def outlook(self, gateways: Sequence[str]) -> Outlook:
        """Return what these first gateways, one per payment, bring."""
        pairs = [
            (each, gateway) for each, gateway in zip(self._past, gateways, strict=True) if gateway
        ]
        costs: Counter[str] = Counter()
        for each, gateway in pairs:
            candidate = self._candidates.get(gateway)
            costs[each.payment.currency] += (
                candidate.cost_of(each.payment.amount) if candidate else 0
            )
        return Outlook(
            firsts=Counter(gateway for _, gateway in pairs),
            unroutable=len(self._past) - len(pairs),
            costs={currency: round(cost / 1000) for currency, cost in costs.items()},
            success_percent=self._success_percent(pairs),
        )

    def _success_percent(self, pairs: Sequence[tuple[PastPayment, str]]) -> float | None:
        rates = [self._rate_at(gateway, each.payment.currency) for each, gateway in pairs]
        known = [rate.percent for rate in rates if rate is not None]
        if not known or len(known) < len(rates):
            return None
        return round(sum(known) / len(known), 1)

    def _rate_at(self, gateway: str, currency: str) -> Rate | None:
        for key in ((gateway, currency), (gateway, "")):
            rate = self._rates.get(key)
            if rate is not None and rate.calls >= LEAST_CALLS:
                return rate
        return None


def _observed_rates(past: Iterable[PastPayment]) -> dict[tuple[str, str], Rate]:
    """Count how payments ended, by gateway and currency, and by gateway alone ("")."""
    outcomes: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    for each in past:
        if each.went_through is not None:
            outcomes[each.gateway, each.payment.currency].append(each.went_through)
            outcomes[each.gateway, ""].append(each.went_through)
    return {key: Rate(len(seen), sum(seen)) for key, seen in outcomes.items()}
