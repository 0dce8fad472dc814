"""Webhooks: signed so that Stripe's SDK believes them, at least once, and faulty on request."""

import contextlib
import time

import pytest
import stripe

from simulator.testing import RunningSimulator
from tests.simulator.payments import pay, pay_by_debit
from tests.simulator.receiver import SECRET, Receiver

PAID = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]


@pytest.fixture(autouse=True)
def _listening(simulator: RunningSimulator, receiver: Receiver) -> None:
    simulator.send_webhooks_to(receiver.url, SECRET)


def test_a_payment_is_told_with_a_valid_signature(
    simulator: RunningSimulator, client: stripe.StripeClient, receiver: Receiver
) -> None:
    paid = pay(client, key="key-1")

    assert simulator.flush_webhooks() == 0

    events = receiver.events()
    assert sorted(event.type for event in events) == sorted(PAID)
    told = next(event for event in events if event.type == "payment_intent.succeeded")
    assert told.api_version == "2026-10-28.endive"
    assert told.livemode is False
    assert told.request is not None
    assert told.request.idempotency_key == "key-1"
    assert told.data.object["id"] == paid.id
    assert told.data.object["metadata"].to_dict() == {"intent": "pi_ours", "attempt": "att_ours"}
    assert client.v1.events.retrieve(told.id).type == told.type
    assert len(client.v1.events.list().data) == 3


@pytest.mark.parametrize(
    ("method", "last"),
    [
        ("pm_card_chargeDeclined", "payment_intent.payment_failed"),
        ("pm_card_threeDSecure2Required", "payment_intent.requires_action"),
    ],
)
def test_other_endings_are_told_too(
    simulator: RunningSimulator,
    client: stripe.StripeClient,
    receiver: Receiver,
    method: str,
    last: str,
) -> None:
    with contextlib.suppress(stripe.CardError):
        pay(client, method=method, return_url="https://shop.example/")
    simulator.flush_webhooks()

    assert last in receiver.types()
    assert "payment_intent.succeeded" not in receiver.types()


def test_each_step_of_a_held_payment_and_its_refund_is_told(
    simulator: RunningSimulator, client: stripe.StripeClient, receiver: Receiver
) -> None:
    held = pay(client, capture_method="manual")
    client.v1.payment_intents.capture(held.id)
    client.v1.refunds.create({"payment_intent": held.id})
    simulator.advance("pi_ours", "fail_refund")
    simulator.flush_webhooks()

    assert sorted(receiver.types()) == sorted(
        [
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.amount_capturable_updated",
            "charge.captured",
            "payment_intent.succeeded",
            "charge.refunded",
            "refund.created",
            "charge.refund.updated",
            "refund.updated",
            "refund.failed",
        ]
    )


def test_a_debit_is_told_twice_when_it_starts_and_when_it_ends(
    simulator: RunningSimulator, client: stripe.StripeClient, receiver: Receiver
) -> None:
    pay_by_debit(client, "DE62370400440532013001")
    simulator.advance("pi_ours", "settle")
    simulator.flush_webhooks()

    assert sorted(receiver.types()) == [
        "charge.failed",
        "payment_intent.created",
        "payment_intent.payment_failed",
        "payment_intent.processing",
    ]


def test_what_was_not_taken_is_sent_again(
    simulator: RunningSimulator, client: stripe.StripeClient, receiver: Receiver
) -> None:
    receiver.statuses = [500, 302, 404]

    pay(client)
    assert simulator.flush_webhooks() == 0

    assert len(receiver.received) == 6
    assert len({event.id for event in receiver.events()}) == 3
    deliveries = simulator.deliveries()
    assert sum(each["attempts"] for each in deliveries) == 6
    assert {each["outcome"] for each in deliveries} == {"sent"}


def test_duplicates_arrive_twice(
    simulator: RunningSimulator, client: stripe.StripeClient, receiver: Receiver
) -> None:
    simulator.fault("duplicate_webhook", match={"event": "payment_intent.succeeded"})

    pay(client)
    simulator.flush_webhooks()

    assert sorted(receiver.types()) == sorted([*PAID, "payment_intent.succeeded"])
    assert len({event.id for event in receiver.events()}) == 3


def test_dropped_ones_never_arrive(
    simulator: RunningSimulator, client: stripe.StripeClient, receiver: Receiver
) -> None:
    simulator.fault("drop_webhook", match={"reference": "pi_ours"})

    pay(client)
    simulator.flush_webhooks()

    assert receiver.received == []
    assert {each["outcome"] for each in simulator.deliveries()} == {"dropped"}


def test_reordered_ones_arrive_last_first(
    simulator: RunningSimulator, client: stripe.StripeClient, receiver: Receiver
) -> None:
    simulator.fault("reorder_webhooks", ms=100)

    pay(client)
    deadline = time.monotonic() + 30
    while len(receiver.received) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)

    assert receiver.types() == list(reversed(PAID))


def test_a_bad_signature_is_not_believed(
    simulator: RunningSimulator, client: stripe.StripeClient, receiver: Receiver
) -> None:
    simulator.fault("bad_signature")

    pay(client)
    simulator.flush_webhooks()

    assert len(receiver.received) == 3
    with pytest.raises(stripe.SignatureVerificationError):
        receiver.events()


def test_early_ones_arrive_before_the_answer(
    simulator: RunningSimulator, client: stripe.StripeClient, receiver: Receiver
) -> None:
    simulator.change_settings(webhook_delay=60)
    simulator.fault("early_webhook", count=1)

    pay(client)

    assert sorted(receiver.types()) == sorted(PAID)


def test_a_receiver_may_want_some_events_only(
    simulator: RunningSimulator, client: stripe.StripeClient, receiver: Receiver
) -> None:
    simulator.send_webhooks_to(receiver.url, SECRET, events=["payment_intent.succeeded"])

    pay(client)
    simulator.flush_webhooks()

    assert receiver.types() == ["payment_intent.succeeded"]


def test_a_receiver_that_is_down_for_long_still_gets_everything(
    simulator: RunningSimulator, client: stripe.StripeClient, receiver: Receiver
) -> None:
    receiver.statuses = [503] * 90

    pay(client)

    assert simulator.flush_webhooks() == 0
    assert sorted(event.type for event in receiver.events()[90:]) == sorted(PAID)
