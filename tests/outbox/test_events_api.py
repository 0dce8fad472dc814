from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings

from apps.api.models import Merchant
from apps.outbox.models import Event
from apps.outbox.services import EventDraft, publish
from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def draft(merchant: Merchant, **facts: Any) -> EventDraft:
    defaults: dict[str, Any] = {
        "merchant_id": merchant.id,
        "livemode": False,
        "type": "payment_intent.created",
        "object_id": "pi_1",
        "sequence": 1,
        "object": {"id": "pi_1", "object": "payment_intent", "status": "created"},
        "actor": "api:key_1",
        "created_at": NOON,
        "request_id": "req_1",
        "idempotency_key": "k",
    }
    return EventDraft(**{**defaults, **facts})


def test_an_event_is_shown_as_it_was_when_it_happened(api: ApiClient, merchant: Merchant) -> None:
    publish(draft(merchant, previous_attributes={"amount": 5}))
    event = Event.objects.get()

    shown = api.get(f"/v1/events/{event.id}")

    assert shown.status_code == 200
    assert shown.json() == {
        "id": event.id,
        "object": "event",
        "type": "payment_intent.created",
        "created": 1767268800,
        "livemode": False,
        "api_version": settings.API_VERSION,
        "pending_webhooks": 0,
        "data": {
            "object": {"id": "pi_1", "object": "payment_intent", "status": "created"},
            "previous_attributes": {"amount": 5},
        },
        "request": {"id": "req_1", "idempotency_key": "k"},
        "related_object": "pi_1",
        "sequence": 1,
    }


def test_stripes_dialect_shows_stripes_status_and_version(
    api: ApiClient, merchant: Merchant
) -> None:
    publish(draft(merchant))

    (event,) = api.get("/v1/events", Stripe_Version="any").json()["data"]

    assert event["api_version"] == settings.STRIPE_API_VERSION
    assert event["data"]["object"]["status"] == "requires_payment_method"


def test_events_are_found_by_type_and_by_object(api: ApiClient, merchant: Merchant) -> None:
    publish(
        draft(merchant),
        draft(merchant, sequence=2, type="payment_intent.succeeded"),
        draft(merchant, object_id="pi_2"),
    )

    by_type = api.get("/v1/events", {"type": "payment_intent.succeeded"}).json()["data"]
    by_object = api.get("/v1/events", {"related_object": "pi_1"}).json()["data"]

    assert [event["sequence"] for event in by_type] == [2]
    assert {event["related_object"] for event in by_object} == {"pi_1"}
    assert len(by_object) == 2


def test_events_of_another_merchant_or_mode_do_not_exist(
    api: ApiClient, merchant: Merchant
) -> None:
    publish(draft(merchant, livemode=True), draft(merchant, merchant_id="mer_x", object_id="pi_2"))

    for event in Event.objects.all():
        assert api.get(f"/v1/events/{event.id}").status_code == 404
    assert api.get("/v1/events").json()["data"] == []
