"""Reviews, rules and lists through the API; a rule from the draft to a blocked payment."""

from typing import Any

import pytest
from django.utils import timezone

from apps.api.services import create_api_key, create_merchant
from apps.backoffice.services import approve
from apps.common.origin import Origin
from apps.fraud.models import Review
from apps.fraud.rulesets import forget_rules
from tests.conftest import ApiClient
from tests.factories.backoffice import staff
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

BLOCK = {"name": "Too much", "action": "block", "expression": "amount > 5000"}


def publish(api: ApiClient, rule: dict[str, Any]) -> None:
    asked = api.post(f"/v1/radar/rules/{rule['id']}/publish", {"reason": "a wave"}).json()
    lead = staff("fraud.change_rule")
    origin = Origin(actor=lead.actor)
    approve(approval_id=asked["approval"], user=lead, origin=origin, now=timezone.now())
    forget_rules()


def pay(api: ApiClient, amount: int = 6000, **more: Any) -> Any:
    params = {"amount": amount, "currency": "eur", "confirm": True, **more}
    return api.post("/v1/payment_intents", {"payment_method": "pm_card_visa", **params})


def test_a_rule_acts_only_after_a_second_person_agreed(
    api: ApiClient, gateway: FakeGateway
) -> None:
    rule = api.post("/v1/radar/rules", BLOCK).json()
    assert (rule["status"], rule["version"]) == ("draft", 1)
    assert pay(api).json()["status"] == "succeeded"

    publish(api, rule)
    answer = pay(api)

    assert answer.status_code == 402
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("card_error", "fraud_block")
    assert error["payment_intent"]["status"] == "failed"
    assert gateway.count("create") == 1


def test_a_blocked_answer_is_kept_for_the_key(api: ApiClient, gateway: FakeGateway) -> None:
    publish(api, api.post("/v1/radar/rules", BLOCK).json())
    params = {"amount": 6000, "currency": "eur", "confirm": True, "payment_method": "pm_card_visa"}

    first = api.post("/v1/payment_intents", params, key="one")
    second = api.post("/v1/payment_intents", params, key="one")

    assert (first.status_code, second.status_code) == (402, 402)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert first.content == second.content


def test_a_rule_in_the_shadow_lets_pass(api: ApiClient, gateway: FakeGateway) -> None:
    rule = api.post("/v1/radar/rules", BLOCK).json()

    shadowed = api.post(f"/v1/radar/rules/{rule['id']}/shadow").json()
    forget_rules()

    assert shadowed["status"] == "shadow"
    assert pay(api).json()["status"] == "succeeded"


def test_a_bad_expression_is_refused_with_a_hint(api: ApiClient) -> None:
    answer = api.post("/v1/radar/rules", {**BLOCK, "expression": "amuont > 1"})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "rule_invalid"
    assert "Did you mean 'amount'?" in answer.json()["error"]["message"]
    assert api.get("/v1/radar/rules").json()["data"] == []


def test_a_reviewed_payment_is_listed_and_closed_once(api: ApiClient, gateway: FakeGateway) -> None:
    publish(api, api.post("/v1/radar/rules", {**BLOCK, "action": "review"}).json())

    intent = pay(api).json()

    assert (intent["status"], intent["next_action"]) == ("processing", {"type": "review"})
    review = api.get("/v1/reviews").json()["data"][0]
    assert (review["payment_intent"], review["open"]) == (intent["id"], True)
    approved = api.post(f"/v1/reviews/{review['id']}/approve").json()
    assert (approved["open"], approved["closed_reason"]) == (False, "approved")
    again = api.post(f"/v1/reviews/{review['id']}/decline")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "review_closed")
    assert Review.objects.get().status == "approved"
    assert api.get("/v1/reviews").json()["data"] == []


def test_a_block_list_stops_a_payment_until_the_value_is_taken_off(
    api: ApiClient, gateway: FakeGateway
) -> None:
    made = api.post(
        "/v1/radar/value_lists",
        {"alias": "ip_address_blocklist", "name": "Bad addresses", "item_type": "ip_address"},
    ).json()
    item = api.post(
        "/v1/radar/value_list_items", {"value_list": made["id"], "value": "203.0.113.9"}
    ).json()
    forget_rules()
    thief: dict[str, Any] = {"metadata": {"payer_ip": "203.0.113.9"}}

    assert pay(api, **thief).status_code == 402
    deleted = api.delete(f"/v1/radar/value_list_items/{item['id']}").json()
    forget_rules()

    assert deleted == {"id": item["id"], "object": "radar.value_list_item", "deleted": True}
    assert pay(api, **thief).status_code == 200
    shown = api.get(f"/v1/radar/value_lists/{made['id']}").json()
    assert shown["list_items"]["data"] == []


def test_a_list_that_a_rule_asks_for_cannot_be_deleted(api: ApiClient) -> None:
    made = api.post("/v1/radar/value_lists", {"alias": "suspects", "name": "S"}).json()
    api.post("/v1/radar/rules", {**BLOCK, "expression": "in_list('suspects', email)"})

    refused = api.delete(f"/v1/radar/value_lists/{made['id']}")

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "value_list_in_use")
    assert api.get(f"/v1/radar/value_lists/{made['id']}").status_code == 200


def test_an_alias_and_a_value_are_there_once(api: ApiClient) -> None:
    made = api.post("/v1/radar/value_lists", {"alias": "suspects", "name": "S"}).json()
    value = {"value_list": made["id"], "value": "Eve"}
    assert api.post("/v1/radar/value_list_items", value).status_code == 200

    twice = api.post("/v1/radar/value_list_items", {**value, "value": "eve"})
    taken = api.post("/v1/radar/value_lists", {"alias": "suspects", "name": "T"})

    assert twice.json()["error"]["code"] == "value_list_item_exists"
    assert taken.json()["error"]["code"] == "value_list_alias_taken"


def test_ac_017_allow_duplicate_is_heard_and_kept(api: ApiClient, gateway: FakeGateway) -> None:
    publish(api, api.post("/v1/radar/rules", {**BLOCK, "expression": "is_duplicate"}).json())
    customer = api.post("/v1/customers", {"email": "ada@example.org"}).json()["id"]

    answers = [
        pay(api, customer=customer).status_code,
        pay(api, customer=customer).status_code,
        pay(api, customer=customer, allow_duplicate=True).status_code,
    ]

    assert answers == [200, 402, 200]


def test_another_merchant_neither_sees_nor_closes_a_review(
    api: ApiClient, gateway: FakeGateway
) -> None:
    publish(api, api.post("/v1/radar/rules", {**BLOCK, "action": "review"}).json())
    pay(api)
    review = Review.objects.get()
    eve = create_merchant(name="Eve's books", now=timezone.now())
    stranger = ApiClient(create_api_key(merchant=eve, livemode=False, now=timezone.now())[1])

    assert stranger.get("/v1/reviews").json()["data"] == []
    assert stranger.get(f"/v1/reviews/{review.id}").status_code == 404
    for verdict in ("approve", "decline"):
        assert stranger.post(f"/v1/reviews/{review.id}/{verdict}").status_code == 404
    review.refresh_from_db()
    assert review.status == "open"
