"""How endpoints fared within the last day."""

from datetime import datetime, timedelta

import pytest

from apps.common.ids import id_at, new_id
from apps.webhooks.health import read_health
from apps.webhooks.models import Delivery, DeliveryAttempt, WebhookEndpoint
from tests.webhooks.shop import NOW, SCOPE, endpoint

pytestmark = pytest.mark.django_db


def delivered(
    hook: WebhookEndpoint, status: str, at: datetime, *, took: int = 10, attempts: int = 1
) -> None:
    delivery = Delivery.objects.create(
        id=id_at("wd", at),
        merchant_id=SCOPE.merchant_id,
        livemode=False,
        endpoint=hook,
        event_id=new_id("evt"),
        status=status,
        attempts=attempts,
        scheduled_at=at,
        next_attempt_at=at,
        created_at=at,
    )
    if attempts:
        DeliveryAttempt.objects.create(
            delivery=delivery, number=1, attempted_at=at, duration_ms=took, status_code=200
        )


@pytest.fixture
def hook() -> WebhookEndpoint:
    return endpoint("https://shop.example/hooks")


def test_what_arrived_is_counted_hour_by_hour(hook: WebhookEndpoint) -> None:
    for minutes, status in ((5, "succeeded"), (10, "failed"), (70, "succeeded"), (75, "pending")):
        delivered(hook, status, NOW - timedelta(minutes=minutes))

    health = read_health([hook.id], now=NOW)[hook.id]

    assert health.hours == {0: (1, 2), 1: (1, 2)}
    assert (health.arrived, health.tried) == (2, 4)


def test_what_was_never_tried_canceled_or_is_older_says_nothing(hook: WebhookEndpoint) -> None:
    delivered(hook, "pending", NOW, attempts=0)
    delivered(hook, "canceled", NOW)
    delivered(hook, "failed", NOW - timedelta(hours=25))

    health = read_health([hook.id], now=NOW)[hook.id]

    assert (health.hours, health.tried, health.p95_ms) == ({}, 0, None)


def test_the_slowest_in_twenty_is_told(hook: WebhookEndpoint) -> None:
    for took in range(1, 21):
        delivered(hook, "succeeded", NOW - timedelta(minutes=took), took=took)

    assert read_health([hook.id], now=NOW)[hook.id].p95_ms == 19


def test_of_a_busy_endpoint_only_the_newest_are_read(hook: WebhookEndpoint) -> None:
    quiet = endpoint("https://quiet.example/hooks")
    for minutes in range(5):
        delivered(hook, "succeeded", NOW - timedelta(minutes=minutes))

    health = read_health([hook.id, quiet.id], now=NOW, look_through=3)

    assert (health[hook.id].tried, health[quiet.id].tried) == (3, 0)
