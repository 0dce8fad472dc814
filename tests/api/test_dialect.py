from typing import Any

import pytest

from apps.api.dialect import Dialect, to_stripe, translate


@pytest.mark.parametrize(
    ("own", "stripe"),
    [
        ("created", "requires_payment_method"),
        ("requires_action", "requires_action"),
        ("processing", "processing"),
        ("requires_capture", "requires_capture"),
        ("succeeded", "succeeded"),
        ("failed", "requires_payment_method"),
        ("canceled", "canceled"),
        ("expired", "canceled"),
        ("refunded", "succeeded"),
        ("conflicted", "processing"),
    ],
)
def test_every_status_of_an_intent_has_stripes_name(own: str, stripe: str) -> None:
    intent = {"object": "payment_intent", "status": own, "payment_method": None}

    assert to_stripe(intent)["status"] == stripe
    assert intent["status"] == own


def test_an_intent_with_a_method_awaits_its_confirmation() -> None:
    intent = {"object": "payment_intent", "status": "created", "payment_method": "pm_1"}

    assert to_stripe(intent)["status"] == "requires_confirmation"


def test_an_expired_intent_says_why_it_was_canceled() -> None:
    intent = {"object": "payment_intent", "status": "expired", "cancellation_reason": None}

    assert to_stripe(intent) == {
        "object": "payment_intent",
        "status": "canceled",
        "cancellation_reason": "expired",
    }


def test_a_risk_review_is_processing_for_the_payer() -> None:
    action = {"type": "review"}
    intent = {"object": "payment_intent", "status": "processing", "next_action": action}
    approved = {**intent, "next_action": None}
    event = {
        "object": "event",
        "data": {"object": approved, "previous_attributes": {"next_action": action}},
    }

    assert to_stripe(intent) == approved
    assert to_stripe(event)["data"]["previous_attributes"] == {"next_action": None}


def test_objects_inside_of_objects_are_translated_too() -> None:
    intent: dict[str, Any] = {"object": "payment_intent", "status": "refunded"}
    event = {"object": "event", "data": {"object": intent}}
    page = {"object": "list", "data": [{"object": "charge", "payment_intent": intent}]}

    assert to_stripe(event)["data"]["object"]["status"] == "succeeded"
    assert to_stripe(page)["data"][0]["payment_intent"]["status"] == "succeeded"


def test_what_an_intent_was_before_an_event_is_translated_too() -> None:
    intent = {"object": "payment_intent", "status": "failed", "payment_method": "pm_1"}
    previous = {"status": "created", "amount": 5}
    event = {"object": "event", "data": {"object": intent, "previous_attributes": previous}}

    assert to_stripe(event)["data"]["previous_attributes"] == {
        "status": "requires_confirmation",
        "amount": 5,
    }
    assert previous["status"] == "created"


def test_other_statuses_stay() -> None:
    assert to_stripe({"object": "refund", "status": "failed"})["status"] == "failed"


def test_the_own_dialect_is_untouched() -> None:
    intent = {"object": "payment_intent", "status": "refunded"}

    assert translate(intent, Dialect.OWN) is intent
