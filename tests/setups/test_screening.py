"""Saving a card is where stolen numbers are tried out: risk judges it before any bank does."""

from typing import Any

import pytest
from django.utils import timezone

from apps.api.models import Merchant
from apps.common.origin import Scope
from apps.fraud.models import Decision, Review
from apps.outbox.relay import drain
from apps.setups.models import SetupIntent
from tests.factories.fraud import live_rule
from tests.fake_gateway import FakeGateway
from tests.setups.test_setups import REFUSED, types_of

pytestmark = pytest.mark.django_db

IP = "203.0.113.7"


@pytest.fixture
def scope(merchant: Merchant) -> Scope:
    return Scope(merchant.id, livemode=False)


def save_card(api: Any, **params: Any) -> Any:
    wish = {"payment_method": "tok_visa", "confirm": True, "metadata": {"payer_ip": IP}}
    return api.post("/v1/setup_intents", {**wish, **params})


def test_who_tries_out_cards_by_saving_them_is_stopped_before_the_bank_hears_of_it(
    api: Any, gateway: FakeGateway, scope: Scope
) -> None:
    live_rule(scope, "block", "is_setup && ip_cards_1h > 3")

    answers = [save_card(api) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 402, 402]
    error = answers[-1].json()["error"]
    assert (error["type"], error["code"], error["message"]) == (
        "card_error", "fraud_block", "The card was declined.",
    )  # fmt: skip
    blocked = error["setup_intent"]
    assert (blocked["status"], blocked["payment_method"]) == ("requires_payment_method", None)
    assert types_of(blocked["id"]) == [
        "setup_intent.created",
        "setup_intent.processing",
        "setup_intent.setup_failed",
    ]
    assert gateway.count("set_up") == 3
    decision = Decision.objects.get(intent_id=blocked["id"])
    assert (decision.action, decision.attempt_id) == ("block", f"{blocked['id']}_1")
    assert (decision.facts["ip_cards_1h"], decision.facts["is_setup"]) == (5, True)
    assert IP not in str(decision.facts)


def test_cards_that_were_saved_count_for_payments_but_are_no_purchases(
    api: Any, gateway: FakeGateway, scope: Scope
) -> None:
    method = save_card(api).json()["payment_method"]
    for _ in range(2):
        save_card(api, payment_method=method)

    paid = api.post(
        "/v1/payment_intents",
        {"amount": 1050, "currency": "eur", "confirm": True, "payment_method": method},
    ).json()

    decision = Decision.objects.get(intent_id=paid["id"])
    assert decision.facts["card_attempts_1h"] == 4
    assert decision.facts["card_amount_1h"] == 1050
    assert decision.features["card_age_days"] == -1.0


def test_a_bank_that_lets_no_card_be_saved_is_counted_as_a_decline(
    api: Any, gateway: FakeGateway, scope: Scope
) -> None:
    gateway.setup_script += [REFUSED, REFUSED]

    declined = [save_card(api).status_code for _ in range(2)]
    drain(now=timezone.now())
    save_card(api)

    assert declined == [402, 402]
    last = Decision.objects.order_by("id").last()
    assert last is not None
    assert last.facts["ip_declines_1h"] == 2


def test_a_card_on_a_block_list_is_not_saved_and_the_refusal_is_replayed(
    api: Any, gateway: FakeGateway, scope: Scope
) -> None:
    live_rule(scope, "block", "ip == '203.0.113.7'")
    wish = {"payment_method": "tok_visa", "confirm": True, "metadata": {"payer_ip": IP}}

    first = api.post("/v1/setup_intents", wish, key="one")
    again = api.post("/v1/setup_intents", wish, key="one")

    assert (first.status_code, again.content) == (402, first.content)
    assert gateway.count("set_up") == 0
    assert SetupIntent.objects.get().status == "requires_payment_method"
    assert Decision.objects.count() == 1


def test_a_review_has_no_money_to_hold_so_the_card_is_saved(
    api: Any, gateway: FakeGateway, scope: Scope
) -> None:
    rule = live_rule(scope, "review", "is_setup")

    saved = save_card(api)

    assert saved.json()["status"] == "succeeded"
    assert not Review.objects.exists()
    decision = Decision.objects.get()
    assert (decision.action, decision.score) == ("allow", None)
    assert decision.matched_rules == [f"{rule.id}@1"]
