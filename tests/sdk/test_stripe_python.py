"""Stripe's own Python SDK, unmodified, through its typed methods."""

import uuid

import pytest
import stripe

from simulator.testing import RunningSimulator
from tests.live.running import RunningWeb

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_customer_method_payment_and_refund(
    client: stripe.StripeClient, simulator: RunningSimulator
) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com", "metadata": {"plan": "pro"}})
    method = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    client.v1.payment_methods.attach(method.id, {"customer": customer.id})
    intent = client.v1.payment_intents.create(
        {"amount": 2599, "currency": "eur", "customer": customer.id, "metadata": {"order": "7"}}
    )
    assert intent.status == "requires_payment_method"

    paid = client.v1.payment_intents.confirm(
        intent.id, {"payment_method": method.id, "expand": ["latest_charge", "customer"]}
    )
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 599})

    assert paid.status == "succeeded"
    assert isinstance(paid.latest_charge, stripe.Charge)
    assert paid.latest_charge.payment_method_details is not None
    assert paid.latest_charge.payment_method_details.card is not None
    assert paid.latest_charge.payment_method_details.card.last4 == "4242"
    assert isinstance(paid.customer, stripe.Customer)
    assert paid.customer.email == "ada@example.com"
    assert (refund.status, refund.amount) == ("succeeded", 599)
    (charge,) = simulator.charges(reference=intent.id)
    assert (charge["amount"], charge["refunded"]) == (2599, 599)


def test_declines_raise_card_errors(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as declined:
        client.v1.payment_intents.create(
            {
                "amount": 1000,
                "currency": "eur",
                "confirm": True,
                "payment_method": "tok_chargeDeclinedInsufficientFunds",
            }
        )

    assert declined.value.code == "card_declined"
    assert declined.value.http_status == 402
    assert declined.value.error is not None
    assert declined.value.error.decline_code == "insufficient_funds"
    assert declined.value.error.payment_intent is not None
    assert declined.value.error.payment_intent.status == "requires_payment_method"


def test_every_refusal_has_its_class(client: stripe.StripeClient, web: RunningWeb) -> None:
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.payment_intents.retrieve("pi_nobody")
    with pytest.raises(stripe.InvalidRequestError) as invalid:
        client.v1.payment_intents.create({"amount": 1, "currency": "eur"})
    key = str(uuid.uuid4())
    client.v1.payment_intents.create({"amount": 1000, "currency": "eur"}, {"idempotency_key": key})
    with pytest.raises(stripe.IdempotencyError) as reused:
        client.v1.payment_intents.create(
            {"amount": 2000, "currency": "eur"}, {"idempotency_key": key}
        )
    stranger = stripe.StripeClient("sk_test_wrong", base_addresses={"api": web.url})
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.customers.list()

    assert missing.value.http_status == 404
    assert (invalid.value.code, invalid.value.param) == ("amount_too_small", "amount")
    assert reused.value.error is not None
    assert reused.value.error.code == "idempotency_key_reused"


def test_lists_page_by_themselves(client: stripe.StripeClient) -> None:
    made = [client.v1.customers.create({"name": f"Customer {n}"}).id for n in range(7)]

    found = [c.id for c in client.v1.customers.list({"limit": 3}).auto_paging_iter()]

    assert found == sorted(made, reverse=True)


def test_manual_capture_cancel_and_search(client: stripe.StripeClient) -> None:
    held = client.v1.payment_intents.create(
        {
            "amount": 5000,
            "currency": "usd",
            "capture_method": "manual",
            "confirm": True,
            "payment_method": "pm_card_visa",
        }
    )
    assert (held.status, held.amount_capturable) == ("requires_capture", 5000)

    taken = client.v1.payment_intents.capture(held.id, {"amount_to_capture": 3000})
    other = client.v1.payment_intents.create({"amount": 5000, "currency": "usd"})
    canceled = client.v1.payment_intents.cancel(other.id, {"cancellation_reason": "duplicate"})
    customer = client.v1.customers.create({"email": "grace@example.com"})
    found = client.v1.customers.search({"query": "email:'grace@example.com'"})

    assert (taken.status, taken.amount_received) == ("succeeded", 3000)
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "duplicate")
    assert [c.id for c in found.data] == [customer.id]


def test_events_of_a_payment_are_typed(client: stripe.StripeClient) -> None:
    paid = client.v1.payment_intents.create(
        {"amount": 1000, "currency": "eur", "confirm": True, "payment_method": "pm_card_visa"}
    )

    events = client.v1.events.list({"limit": 10})

    types = {event.type for event in events.data if event.data.object["id"] == paid.id}
    assert types == {
        "payment_intent.created",
        "payment_intent.processing",
        "payment_intent.succeeded",
    }
