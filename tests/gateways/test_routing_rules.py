"""Routing rules through the API: written, tried on the past, followed, changed with a history."""

from typing import Any

import pytest

from apps.api.models import Merchant
from apps.gateways.models import RoutingRule
from apps.gateways.rates import note_outcome
from apps.gateways.rulebook import forget_rules
from apps.payments.models import PaymentAttempt
from tests.conftest import ApiClient
from tests.fake_gateway import FakeGateway, decline, use_gateways

pytestmark = pytest.mark.django_db

TO_SPARE: dict[str, Any] = {
    "name": "Euros to the spare",
    "conditions": {"currencies": ["eur"]},
    "weights": [{"gateway": "stripe_spare", "weight": 100}],
}


@pytest.fixture
def gateways(settings: Any) -> Any:
    first, second = FakeGateway("stripe_main"), FakeGateway("stripe_spare")
    settings.TOKENISER_GATEWAYS = ["stripe_main", "stripe_spare"]
    with use_gateways(settings, first, second):
        yield first, second


def pay(api: ApiClient, currency: str = "eur", amount: int = 1000) -> PaymentAttempt:
    params = {"amount": amount, "currency": currency, "confirm": True, "payment_method": "tok_visa"}
    intent = api.post("/v1/payment_intents", params).json()
    intent = intent.get("error", {}).get("payment_intent", intent)
    return PaymentAttempt.objects.get(intent_id=intent["id"])


def test_a_rule_is_shown_as_it_was_written(api: ApiClient, gateways: Any) -> None:
    written = api.post("/v1/routing/rules", TO_SPARE).json()

    assert written == {
        "id": RoutingRule.objects.get().id,
        "object": "routing.rule",
        "active": False,
        "conditions": {
            "amount_from": None,
            "amount_to": None,
            "brands": [],
            "countries": [],
            "currencies": ["eur"],
            "method_types": [],
            "sellers": [],
        },
        "created": written["created"],
        "livemode": False,
        "name": "Euros to the spare",
        "priority": 100,
        "version": 1,
        "weights": [{"gateway": "stripe_spare", "weight": 100}],
    }
    assert api.get(f"/v1/routing/rules/{written['id']}").json() == written
    assert api.get("/v1/routing/rules").json()["data"] == [written]
    assert api.get("/v1/routing/rules", {"active": "true"}).json()["data"] == []


@pytest.mark.django_db(transaction=True)
def test_payments_follow_a_rule_only_once_it_is_active_and_keep_its_version(
    api: ApiClient, gateways: Any
) -> None:
    rule = api.post("/v1/routing/rules", TO_SPARE).json()
    assert pay(api).gateway == "stripe_main"

    api.post(f"/v1/routing/rules/{rule['id']}", {**TO_SPARE, "active": True})
    attempt = pay(api)

    assert attempt.gateway == "stripe_spare"
    assert attempt.routing[0] == {
        "step": "rule",
        "rule": "Euros to the spare",
        "id": rule["id"],
        "version": 2,
        "weights": {"stripe_spare": 100},
    }
    assert pay(api, "usd").gateway == "stripe_main"


def test_every_version_of_a_rule_is_kept_with_its_author(api: ApiClient, gateways: Any) -> None:
    rule = api.post("/v1/routing/rules", TO_SPARE).json()
    api.post(f"/v1/routing/rules/{rule['id']}", {**TO_SPARE, "priority": 7})
    same = api.post(f"/v1/routing/rules/{rule['id']}", {**TO_SPARE, "priority": 7}).json()

    assert same["version"] == 2
    history = RoutingRule.objects.get().history.order_by("version")
    assert [(each.version, each.priority) for each in history] == [(1, 100), (2, 7)]
    assert all(each.changed_by.startswith("api:") for each in history)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"weights": [{"gateway": "nobody", "weight": 1}]}, "gateway_unknown"),
        ({"weights": [{"gateway": "stripe_main", "weight": 0}]}, "routing_rule_empty"),
        ({"weights": []}, "routing_rule_empty"),
        ({"conditions": {"amount_from": 2, "amount_to": 1}}, "parameter_invalid"),
        ({"conditions": {"moon": "full"}}, "parameter_unknown"),
    ],
)
def test_what_cannot_be_a_rule_is_refused(
    api: ApiClient, gateways: Any, change: dict[str, Any], code: str
) -> None:
    answer = api.post("/v1/routing/rules", {**TO_SPARE, **change})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert not RoutingRule.objects.exists()


def test_another_merchants_rule_is_not_there(api: ApiClient, gateways: Any) -> None:
    rule = api.post("/v1/routing/rules", TO_SPARE).json()
    RoutingRule.objects.update(merchant_id="mer_other")

    assert api.get(f"/v1/routing/rules/{rule['id']}").status_code == 404
    assert api.post(f"/v1/routing/rules/{rule['id']}", TO_SPARE).status_code == 404


def test_a_simulation_tells_shares_cost_and_expected_success(
    api: ApiClient, gateways: Any, settings: Any
) -> None:
    settings.GATEWAYS["stripe_main"]["fee_per_mille"] = 10
    settings.GATEWAYS["stripe_spare"]["fee_per_mille"] = 29
    for _ in range(3):
        pay(api)
    pay(api, "usd")

    told = api.post("/v1/routing/simulate", {"rules": [TO_SPARE]}).json()

    assert (told["object"], told["payments"], told["moved"]) == ("routing.simulation", 4, 3)
    assert told["in_force"]["gateways"] == [
        {"gateway": "stripe_main", "payments": 4, "share_percent": 100.0}
    ]
    assert told["candidate"]["gateways"] == [
        {"gateway": "stripe_main", "payments": 1, "share_percent": 25.0},
        {"gateway": "stripe_spare", "payments": 3, "share_percent": 75.0},
    ]
    assert told["difference"]["cost"] == [
        {"currency": "eur", "amount": 87 - 30},
        {"currency": "usd", "amount": 0},
    ]
    # Four payments say nothing about how often a gateway's payments go through.
    assert told["difference"]["expected_success_points"] is None
    assert not RoutingRule.objects.exists()


def test_a_simulation_expects_what_each_gateway_did(
    api: ApiClient, merchant: Merchant, gateways: tuple[FakeGateway, FakeGateway]
) -> None:
    first, second = gateways
    for count in range(50):
        if count % 2:
            first.script.append(decline("do_not_honor"))
        pay(api)
    rule = {**TO_SPARE, "active": True}
    api.post("/v1/routing/rules", rule)
    forget_rules()
    for _ in range(50):
        pay(api)
    assert (len(first.payments), len(second.payments)) == (50, 50)
    back = {**TO_SPARE, "weights": [{"gateway": "stripe_main", "weight": 1}]}

    told = api.post("/v1/routing/simulate", {"rules": [back]}).json()

    assert told["actual"]["expected_success_percent"] == 75.0
    assert told["in_force"]["expected_success_percent"] == 100.0
    assert told["candidate"]["expected_success_percent"] == 50.0
    assert told["difference"]["expected_success_points"] == -50.0


def test_a_simulation_takes_as_many_payments_as_asked_and_one_statement(
    api: ApiClient, gateways: Any, django_assert_max_num_queries: Any
) -> None:
    for _ in range(3):
        pay(api)

    with django_assert_max_num_queries(12):
        told = api.post("/v1/routing/simulate", {"rules": [TO_SPARE], "last": 2}).json()

    assert told["payments"] == 2


def test_gateways_tell_how_they_fare(api: ApiClient, gateways: Any) -> None:
    note_outcome("stripe_spare", succeeded=True)
    note_outcome("stripe_spare", succeeded=False)

    listed = api.get("/v1/gateways").json()["data"]

    assert [each["id"] for each in listed] == ["stripe_main", "stripe_spare"]
    assert listed[1] == {
        "id": "stripe_spare",
        "object": "gateway",
        "circuits": dict.fromkeys(
            ("create", "poll", "increment", "capture", "void", "refund", "payout"), "closed"
        ),
        "fee_fixed": 0,
        "fee_per_mille": 0,
        "kind": "stripe",
        "latest_payments": 2,
        "status": "healthy",
        "success_percent": 50.0,
    }
