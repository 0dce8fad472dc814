"""Stripe's own Python SDK, unmodified: checkout sessions and setup intents."""

import httpx
import pytest
import stripe

from tests.live.running import RunningWeb

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def open_session(client: stripe.StripeClient) -> stripe.checkout.Session:
    return client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [
                {
                    "price_data": {
                        "currency": "eur",
                        "unit_amount": 4900,
                        "product_data": {"name": "Teapot"},
                    },
                    "quantity": 2,
                }
            ],
            "success_url": "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}",
            "metadata": {"order": "7"},
            "expand": ["payment_intent"],
        }
    )


def test_a_session_is_opened_listed_and_taken_back(
    client: stripe.StripeClient, web: RunningWeb
) -> None:
    session = open_session(client)

    assert (session.status, session.payment_status, session.amount_total) == (
        "open",
        "unpaid",
        9800,
    )
    assert isinstance(session.payment_intent, stripe.PaymentIntent)
    assert session.payment_intent.amount == 9800
    assert session.url
    page = httpx.get(web.url + httpx.URL(session.url).path, trust_env=False)
    assert (page.status_code, "Teapot" in page.text) == (200, True)
    (item,) = client.v1.checkout.sessions.line_items.list(session.id).data
    assert (item.description, item.quantity, item.amount_total) == ("Teapot", 2, 9800)
    noted = client.v1.checkout.sessions.retrieve(session.id).metadata
    assert noted is not None
    assert noted["order"] == "7"

    changed = client.v1.checkout.sessions.update(session.id, {"metadata": {"order": "8"}})
    assert changed.metadata is not None
    assert changed.metadata["order"] == "8"

    expired = client.v1.checkout.sessions.expire(session.id)

    assert (expired.status, expired.url) == ("expired", None)
    (listed,) = client.v1.checkout.sessions.list({"status": "expired"}).data
    assert listed.id == session.id
    assert client.v1.payment_intents.retrieve(session.payment_intent.id).status == "canceled"


def test_a_session_that_is_over_is_not_taken_back_again(client: stripe.StripeClient) -> None:
    session = open_session(client)
    client.v1.checkout.sessions.expire(session.id)

    with pytest.raises(stripe.APIError) as refusal:
        client.v1.checkout.sessions.expire(session.id)

    assert refusal.value.http_status == 409
    assert "checkout_session_not_open" in str(refusal.value.http_body)


def test_a_setup_intent_saves_a_card_for_later(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "ada@payer.example"})
    setup = client.v1.setup_intents.create({"usage": "off_session"})
    changed = client.v1.setup_intents.update(
        setup.id, {"customer": customer.id, "metadata": {"seat": "2"}}
    )
    assert (changed.customer, changed.status) == (customer.id, "requires_payment_method")

    saved = client.v1.setup_intents.confirm(setup.id, {"payment_method": "pm_card_visa"})

    assert (setup.status, saved.status) == ("requires_payment_method", "succeeded")
    assert isinstance(saved.payment_method, str)
    (method,) = client.v1.customers.payment_methods.list(customer.id).data
    assert method.id == saved.payment_method
    paid = client.v1.payment_intents.create(
        {
            "amount": 1050,
            "currency": "eur",
            "customer": customer.id,
            "payment_method": method.id,
            "off_session": True,
            "confirm": True,
        }
    )
    assert paid.status == "succeeded"
    assert client.v1.setup_intents.retrieve(setup.id).status == "succeeded"
    assert [each.id for each in client.v1.setup_intents.list().data] == [setup.id]


def test_a_setup_intent_waits_for_the_bank_is_refused_and_canceled(
    client: stripe.StripeClient,
) -> None:
    waiting = client.v1.setup_intents.create(
        {"payment_method": "tok_threeDSecure2Required", "confirm": True}
    )
    assert waiting.status == "requires_action"
    assert waiting.next_action is not None
    assert client.v1.setup_intents.cancel(waiting.id).status == "canceled"

    with pytest.raises(stripe.CardError) as refusal:
        client.v1.setup_intents.create({"payment_method": "tok_chargeDeclined", "confirm": True})

    assert refusal.value.code == "card_declined"
