"""Where a payment goes first, where it may go from there, and the reasons that are kept."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from apps.gateways.models import RoutingRule
from apps.gateways.rates import note_outcome, read_rates
from apps.gateways.routing import (
    Candidate,
    Conditions,
    Decision,
    Payment,
    Rate,
    RoutingPolicy,
    choose_route,
)
from apps.gateways.rulebook import decide_route
from tests.factories.payments import SCOPE

STRIPE = Candidate(name="stripe_main", kind="stripe")
ADYEN = Candidate(name="adyen_main", kind="adyen")
BOTH = {"stripe_main", "adyen_main"}
GOOD, BAD, UNKNOWN = Rate(100, 97), Rate(100, 60), Rate(20, 0)


def drawn(number: int) -> Callable[[int], int]:
    return lambda _below: number


def never(_below: int) -> int:
    raise AssertionError("nothing is left to chance here")


def route_of(
    *,
    draw: Callable[[int], int] = never,
    chargeable: set[str] = BOTH,
    candidates: tuple[Candidate, ...] = (STRIPE, ADYEN),
    rules: tuple[RoutingPolicy, ...] = (),
    rates: dict[str, Rate] | None = None,
    **facts: Any,
) -> Decision:
    payment = Payment(**{"amount": 1050, "currency": "EUR", **facts})
    return choose_route(
        payment, candidates, chargeable=chargeable, rules=rules, rates=rates, draw=draw
    )


def rule(name: str = "to Adyen", **conditions: Any) -> RoutingPolicy:
    return RoutingPolicy(
        id=f"rrl_{name}",
        version=3,
        name=name,
        conditions=Conditions(**conditions),
        weights={"adyen_main": 100},
    )


def test_without_rules_and_figures_the_configured_order_stands() -> None:
    decision = route_of()

    assert decision.route == ["stripe_main", "adyen_main"]
    assert decision.reasons == [{"step": "route", "route": ["stripe_main", "adyen_main"]}]


def test_a_gateway_without_a_token_is_left_out_and_that_is_told() -> None:
    decision = route_of(chargeable={"adyen_main"})

    assert decision.route == ["adyen_main"]
    assert decision.reasons[0] == {
        "step": "left_out",
        "gateway": "stripe_main",
        "reason": "no_token",
    }


def test_a_gateway_that_cannot_do_it_is_left_out() -> None:
    decision = route_of(method_type="sepa_debit", currency="USD")

    assert decision.route == []
    assert [each["reason"] for each in decision.reasons[:2]] == ["not_capable", "not_capable"]


@pytest.mark.parametrize(
    ("conditions", "facts"),
    [
        ({"currencies": ["EUR"]}, {"currency": "USD"}),
        ({"countries": ["DE"]}, {"country": "FR"}),
        ({"brands": ["visa"]}, {"brand": "mastercard"}),
        ({"method_types": ["sepa_debit"]}, {}),
        ({"sellers": ["acct_1"]}, {"seller": "acct_2"}),
        ({"amount_from": 1051}, {}),
        ({"amount_to": 1049}, {}),
    ],
)
def test_a_rule_speaks_only_for_payments_of_its_kind(
    conditions: dict[str, Any], facts: dict[str, Any]
) -> None:
    assert route_of(rules=(rule(**conditions),), **facts).route[0] == "stripe_main"


def test_the_first_rule_that_matches_decides() -> None:
    rules = (rule("other", currencies=["USD"]), rule("ours", amount_from=1050, amount_to=1050))

    decision = route_of(rules=rules, draw=drawn(0))

    assert decision.route == ["adyen_main", "stripe_main"]
    assert decision.reasons[0] == {
        "step": "rule",
        "rule": "ours",
        "id": "rrl_ours",
        "version": 3,
        "weights": {"adyen_main": 100},
    }


def test_a_rule_for_a_gateway_that_cannot_charge_it_is_silent() -> None:
    assert route_of(rules=(rule(),), chargeable={"stripe_main"}).route == ["stripe_main"]


def test_weights_divide_the_payments_exactly() -> None:
    weighted = RoutingPolicy(
        name="split", conditions=Conditions(), weights={"stripe_main": 70, "adyen_main": 30}
    )

    firsts = Counter(
        route_of(rules=(weighted,), draw=drawn(ticket)).route[0] for ticket in range(100)
    )

    assert firsts == {"stripe_main": 70, "adyen_main": 30}


def test_the_cheaper_gateway_comes_first() -> None:
    dear = Candidate(name="stripe_main", kind="stripe", fee_per_mille=29, fee_fixed=30)
    cheap = Candidate(name="adyen_main", kind="adyen", fee_per_mille=10, fee_fixed=40)

    assert route_of(candidates=(dear, cheap)).route == ["adyen_main", "stripe_main"]
    assert route_of(candidates=(dear, cheap), amount=100).route == ["stripe_main", "adyen_main"]


def test_the_gateway_whose_payments_go_through_is_preferred() -> None:
    decision = route_of(rates={"stripe_main": BAD, "adyen_main": GOOD}, draw=drawn(99))

    assert decision.route == ["adyen_main", "stripe_main"]
    assert decision.reasons[0] == {
        "step": "success_rate",
        "success_percent": {"stripe_main": 60.0, "adyen_main": 97.0},
    }


def test_some_payments_explore_whether_the_worse_gateway_is_good_again() -> None:
    rates = {"stripe_main": BAD, "adyen_main": GOOD}

    firsts = Counter(route_of(rates=rates, draw=drawn(n)).route[0] for n in range(100))

    assert firsts == {"adyen_main": 95, "stripe_main": 5}


@pytest.mark.parametrize(
    "rates",
    [
        {"stripe_main": UNKNOWN, "adyen_main": GOOD},
        {"stripe_main": BAD, "adyen_main": UNKNOWN},
        {"stripe_main": Rate(100, 95), "adyen_main": Rate(100, 99)},
    ],
)
def test_few_payments_or_a_small_lead_change_nothing(rates: dict[str, Rate]) -> None:
    assert route_of(rates=rates).route == ["stripe_main", "adyen_main"]


def test_rates_follow_the_latest_payments_only() -> None:
    for _ in range(200):
        note_outcome("stripe_main", succeeded=False)
    for _ in range(150):
        note_outcome("stripe_main", succeeded=True)

    assert read_rates() == {"stripe_main": Rate(200, 150)}


@pytest.mark.django_db
def test_active_rules_of_the_merchant_are_asked_by_priority(settings: Any) -> None:
    settings.GATEWAYS = {"stripe_main": {"kind": "stripe"}, "adyen_main": {"kind": "adyen"}}
    now = timezone.now()
    shared = {"merchant_id": SCOPE.merchant_id, "livemode": False, "created_at": now}
    to_adyen = {"weights": {"adyen_main": 1}}
    RoutingRule.objects.create(
        name="late", priority=9, is_active=True, weights={"stripe_main": 1}, **shared
    )
    RoutingRule.objects.create(name="early", priority=1, is_active=True, **to_adyen, **shared)
    RoutingRule.objects.create(name="asleep", priority=0, weights={"stripe_main": 1}, **shared)
    RoutingRule.objects.create(
        name="other's", priority=0, is_active=True, weights={"stripe_main": 1}, merchant_id="m",
        livemode=False, created_at=now,
    )  # fmt: skip

    decision = decide_route(SCOPE, Payment(amount=1, currency="EUR"), chargeable=BOTH)

    assert decision.route == ["adyen_main", "stripe_main"]
    assert decision.reasons[0]["rule"] == "early"
