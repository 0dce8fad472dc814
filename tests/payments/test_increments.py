"""A hold grows: at both played gateways, with the bank's no, with lost answers."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.gateways.errors import GatewayNotSent, GatewayRejected, GatewayUnknown
from apps.ledger.models import Posting
from apps.outbox.models import Event
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.payments.services.sweeps import sweep_attempts
from apps.webhooks.inbound import drain_inbound
from simulator.testing import RunningSimulator
from tests.conftest import ApiClient
from tests.factories.payments import attempt_of
from tests.fake_gateway import FakeGateway
from tests.gateways.webhook_receiver import WebhookReceiver, receive_webhooks
from tests.live.environment import ADYEN_SECRET, use_both_gateways

pytestmark = pytest.mark.django_db


def hold(api: ApiClient) -> PaymentIntent:
    params = {
        "amount": 1000, "currency": "eur", "confirm": True, "capture_method": "manual",
        "payment_method": "tok_visa",
    }  # fmt: skip
    return PaymentIntent.objects.get(pk=api.post("/v1/payment_intents", params).json()["id"])


def raise_to(api: ApiClient, intent: PaymentIntent, amount: int, **more: Any) -> Any:
    path = f"/v1/payment_intents/{intent.id}/increment_authorization"
    return api.post(path, {"amount": amount}, **more)


def test_a_larger_hold_is_held_told_and_captured_whole(
    api: ApiClient, gateway: FakeGateway
) -> None:
    intent = hold(api)

    answer = raise_to(api, intent, 1500)

    shown = answer.json()
    assert (answer.status_code, shown["status"]) == (200, "requires_capture")
    assert (shown["amount"], shown["amount_capturable"]) == (1500, 1500)
    told = Event.objects.filter(object_id=intent.id).order_by("sequence").last()
    assert told is not None
    assert told.type == "payment_intent.amount_capturable_updated"
    captured = api.post(f"/v1/payment_intents/{intent.id}/capture").json()
    assert (captured["status"], captured["amount_received"]) == ("succeeded", 1500)
    assert sum(Posting.objects.values_list("amount", flat=True)) == 0
    pending = Posting.objects.filter(layer="pending")
    assert sum(abs(each.amount) for each in pending) == 2 * (1000 + 500 + 1500)


def test_the_same_key_raises_once(api: ApiClient, gateway: FakeGateway) -> None:
    intent = hold(api)

    first = raise_to(api, intent, 1500, key="grow")
    second = raise_to(api, intent, 1500, key="grow")

    assert second.headers["Idempotent-Replayed"] == "true"
    assert first.content == second.content
    assert gateway.count("increment") == 1


def test_a_bank_that_declines_leaves_what_is_held(api: ApiClient, gateway: FakeGateway) -> None:
    intent = hold(api)
    gateway.before = [GatewayRejected("the bank declined", code="insufficient_funds")]

    answer = raise_to(api, intent, 1500)

    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "card_declined")
    intent.refresh_from_db()
    assert (str(intent.status), intent.amount, intent.amount_capturable) == (
        "requires_capture", 1000, 1000,
    )  # fmt: skip
    assert raise_to(api, intent, 1200).status_code == 200


def test_a_gateway_that_is_away_is_told_and_nothing_changes(
    api: ApiClient, gateway: FakeGateway
) -> None:
    intent = hold(api)
    gateway.before = [GatewayNotSent("refused")]

    assert raise_to(api, intent, 1500).status_code == 502
    assert attempt_of(intent).operation == "poll"


def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    api: ApiClient, gateway: FakeGateway
) -> None:
    intent = hold(api)
    gateway.after = [GatewayUnknown("read timeout")]

    answer = raise_to(api, intent, 1500)
    assert (answer.status_code, answer.json()["amount"]) == (200, 1000)
    assert api.post(f"/v1/payment_intents/{intent.id}/capture").status_code == 409
    sweep_attempts(now=timezone.now() + timedelta(minutes=1))

    intent.refresh_from_db()
    assert (intent.amount, intent.amount_capturable) == (1500, 1500)
    keys = {key for name, key in gateway.calls if name == "increment"}
    assert len(keys) == 1


@pytest.mark.parametrize("amount", [999, 1000])
def test_less_than_is_held_is_refused(api: ApiClient, gateway: FakeGateway, amount: int) -> None:
    intent = hold(api)

    answer = raise_to(api, intent, amount)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "amount_too_small")
    assert gateway.count("increment") == 0


def test_a_payment_that_is_taken_cannot_grow(api: ApiClient, gateway: FakeGateway) -> None:
    intent = hold(api)
    api.post(f"/v1/payment_intents/{intent.id}/capture")

    assert raise_to(api, intent, 1500).status_code == 409
    assert gateway.count("increment") == 0


@pytest.fixture(params=["stripe", "adyen"])
def played(
    request: pytest.FixtureRequest, running_simulator: RunningSimulator, settings: Any
) -> Iterator[WebhookReceiver]:
    """Both real adapters, the parameter's first."""
    running_simulator.reset()
    use_both_gateways(settings, running_simulator, first=request.param)
    with receive_webhooks() as receiver:
        running_simulator.send_webhooks_to(receiver.url, ADYEN_SECRET, psp="adyen")
        yield receiver
        running_simulator.reset()


def hear(simulator: RunningSimulator, receiver: WebhookReceiver) -> None:
    simulator.flush_webhooks()
    for each in receiver.deliveries:
        Client().post(
            "/webhooks/adyen/adyen_main", each.body, content_type="application/json",
            headers=dict(each.headers),
        )  # fmt: skip
    drain_inbound(now=timezone.now() + timedelta(minutes=10))


def test_both_gateways_hold_and_take_more(
    api: ApiClient, played: WebhookReceiver, running_simulator: RunningSimulator
) -> None:
    intent = hold(api)

    assert raise_to(api, intent, 1500).status_code == 200
    hear(running_simulator, played)
    intent.refresh_from_db()
    assert (intent.amount, intent.amount_capturable) == (1500, 1500)
    api.post(f"/v1/payment_intents/{intent.id}/capture")
    hear(running_simulator, played)

    intent.refresh_from_db()
    assert (str(intent.status), intent.amount_received) == ("succeeded", 1500)
    (charge,) = running_simulator.charges(intent.id)
    assert (charge["amount"], charge["captured"]) == (1500, True)


def test_both_gateways_tell_the_banks_no(
    api: ApiClient, played: WebhookReceiver, running_simulator: RunningSimulator
) -> None:
    intent = hold(api)

    raise_to(api, intent, 100_001)
    hear(running_simulator, played)
    sweep_attempts(now=timezone.now() + timedelta(minutes=20))

    intent.refresh_from_db()
    assert (str(intent.status), intent.amount, intent.amount_capturable) == (
        "requires_capture", 1000, 1000,
    )  # fmt: skip
    assert Event.objects.filter(type="payment_intent.increment_declined").count() == 1
    attempt = PaymentAttempt.objects.get(intent=intent)
    assert (attempt.amount, str(attempt.operation)) == (1000, "poll")
    assert [each["amount"] for each in running_simulator.charges(intent.id)] == [1000]
