"""One real payment, made as an integrator would: with Stripe's own SDK against this platform."""

import time
from dataclasses import dataclass
from typing import Any

import httpx
import stripe

AMOUNT = 2599
CURRENCY = "eur"

_REQUEST_SECONDS = 20.0
# How long the gateway's webhook may take to arrive and be worked off.
_SETTLE_SECONDS = 20.0
_POLL_SECONDS = 0.1


class PaymentFailed(Exception):
    """The platform refused the payment, or did not answer."""


@dataclass(frozen=True)
class FirstPayment:
    """The intent as the API shows it, and its trace."""

    intent_id: str
    status: str
    trace: dict[str, Any]

    @property
    def succeeded(self) -> bool:
        """Return whether the payment went all the way: paid, heard of by webhook, and booked."""
        kinds = {step["kind"] for step in self._steps if step["status"] != "received"}
        return self.status == "succeeded" and {"webhook", "ledger"} <= kinds

    @property
    def is_quiet(self) -> bool:
        """Return whether nothing of it is under way any more, so that the trace is complete."""
        return not any(step["status"] in {"received", "pending"} for step in self._steps)

    @property
    def _steps(self) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = self.trace["data"]
        return steps


def make_first_payment(*, base_url: str, secret_key: str) -> FirstPayment:
    """
    Create a customer, pay EUR 25.99 with a test card, and wait for the gateway's webhook.

    :raises PaymentFailed: the platform refused, or did not answer
    """
    try:
        intent_id = _pay(base_url=base_url, secret_key=secret_key)
        return _wait_until_settled(base_url=base_url, secret_key=secret_key, intent_id=intent_id)
    except (stripe.StripeError, httpx.HTTPError) as error:
        raise PaymentFailed(f"{type(error).__name__}: {error}") from error


def connect(*, base_url: str, secret_key: str) -> stripe.StripeClient:
    """Return Stripe's own SDK, pointed at the platform."""
    stripe.enable_telemetry = False
    return stripe.StripeClient(
        secret_key,
        base_addresses={"api": base_url},
        http_client=stripe.RequestsClient(timeout=_REQUEST_SECONDS),
        max_network_retries=2,
    )


def _pay(*, base_url: str, secret_key: str) -> str:
    client = connect(base_url=base_url, secret_key=secret_key)
    customer = client.v1.customers.create({"name": "Ada Lovelace", "email": "ada@example.com"})
    intent = client.v1.payment_intents.create(
        {
            "amount": AMOUNT,
            "currency": CURRENCY,
            "customer": customer.id,
            "payment_method": "pm_card_visa",
            "description": "The first payment of this demo",
            "confirm": True,
        }
    )
    return intent.id


def _wait_until_settled(*, base_url: str, secret_key: str, intent_id: str) -> FirstPayment:
    deadline = time.monotonic() + _SETTLE_SECONDS
    with httpx.Client(
        base_url=base_url,
        headers={"Authorization": f"Bearer {secret_key}"},
        timeout=_REQUEST_SECONDS,
        trust_env=False,
    ) as reader:
        while True:
            status = _get(reader, f"/v1/payment_intents/{intent_id}")["status"]
            trace = _get(reader, f"/v1/payment_intents/{intent_id}/trace")
            payment = FirstPayment(intent_id=intent_id, status=status, trace=trace)
            if (payment.succeeded and payment.is_quiet) or time.monotonic() > deadline:
                return payment
            time.sleep(_POLL_SECONDS)


def _get(reader: httpx.Client, path: str) -> dict[str, Any]:
    answer = reader.get(path)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
