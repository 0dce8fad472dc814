"""What the tests do again and again at Stripe."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import stripe

KEY = "sk_test_simulator"


@contextmanager
def connect(
    url: str, *, key: str = KEY, read_timeout: float = 10.0
) -> Iterator[stripe.StripeClient]:
    """Return a client that repeats nothing by itself."""
    stripe.enable_telemetry = False
    transport = stripe.RequestsClient(timeout=(2.0, read_timeout))
    try:
        yield stripe.StripeClient(key, base_addresses={"api": url}, http_client=transport)
    finally:
        transport.close()  # type: ignore[no-untyped-call]


def pay(
    client: stripe.StripeClient,
    *,
    method: str = "pm_card_visa",
    key: str | None = None,
    intent: str = "pi_ours",
    attempt: str = "att_ours",
    **changes: Any,
) -> stripe.PaymentIntent:
    """Create and confirm a payment of EUR 10.00 as the adapter does."""
    params: Any = {
        "amount": 1000,
        "currency": "eur",
        "confirm": True,
        "payment_method": method,
        "metadata": {"intent": intent, "attempt": attempt},
        "expand": ["latest_charge.balance_transaction", "payment_method"],
    } | changes
    return client.v1.payment_intents.create(params, {"idempotency_key": key} if key else {})


def charge_of(intent: stripe.PaymentIntent) -> stripe.Charge:
    """Return the expanded charge."""
    assert isinstance(intent.latest_charge, stripe.Charge)
    return intent.latest_charge


def make_method(client: stripe.StripeClient, token: str) -> stripe.PaymentMethod:
    """Exchange a card token."""
    params: Any = {"type": "card", "card": {"token": token}}
    return client.v1.payment_methods.create(params)


def make_debit_method(
    client: stripe.StripeClient, iban: str = "DE89370400440532013000"
) -> stripe.PaymentMethod:
    """Exchange an IBAN."""
    return client.v1.payment_methods.create(
        {
            "type": "sepa_debit",
            "sepa_debit": {"iban": iban},
            "billing_details": {"name": "Ada", "email": "ada@example.com"},
        }
    )


def pay_by_debit(client: stripe.StripeClient, iban: str) -> stripe.PaymentIntent:
    """Start a SEPA debit of EUR 10.00."""
    return pay(
        client,
        method=make_debit_method(client, iban).id,
        mandate_data={"customer_acceptance": {"type": "offline"}},
    )


def make_customer(client: stripe.StripeClient) -> stripe.Customer:
    """Create Ada."""
    return client.v1.customers.create({"email": "ada@example.com", "name": "Ada"})
