"""Disputes for the SDKs to answer: the bank complains, and the platform hears of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.utils import timezone

from apps.common.origin import Origin
from apps.disputes.services.record import record_dispute
from apps.disputes.services.warnings import record_fraud_warning
from apps.gateways.base import GatewayAccount
from apps.gateways.stripe.adapter import StripeGateway
from apps.payments.models import PaymentAttempt
from simulator.testing import RunningSimulator

_A_WHILE = timedelta(minutes=5)
GATEWAY = Origin(actor="gateway:stripe_main")


def hear_of_dispute(simulator: RunningSimulator, intent_id: str) -> None:
    """Let the bank complain, and the platform hear of it as from a webhook."""
    opened = simulator.control("POST", "disputes", {"reference": intent_id})
    with _reader(simulator) as gateway:
        record_dispute(
            gateway=_gateway_of(intent_id),
            result=gateway.retrieve_dispute(opened["id"]),
            origin=GATEWAY,
            now=timezone.now(),
        )


def hear_of_fraud(simulator: RunningSimulator, intent_id: str) -> None:
    """Let the bank call the payment a fraud, and the platform hear of it as from a webhook."""
    path = f"payments/{intent_id}/advance"
    simulator.control("POST", path, {"action": "warn_of_fraud"})
    now = timezone.now()
    with _reader(simulator) as gateway:
        (warning,) = gateway.list_fraud_warnings(since=now - _A_WHILE)
    record_fraud_warning(gateway=_gateway_of(intent_id), warning=warning, origin=GATEWAY, now=now)


def _gateway_of(intent_id: str) -> str:
    return PaymentAttempt.objects.get(intent_id=intent_id).gateway


@contextmanager
def _reader(simulator: RunningSimulator) -> Iterator[StripeGateway]:
    gateway = StripeGateway(
        GatewayAccount(name="reader", api_key="sk_test_simulator", api_base=simulator.psp_url)
    )
    yield gateway
    gateway.close()
