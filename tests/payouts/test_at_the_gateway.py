"""Payouts over real HTTP: the real adapter, the simulated gateway with books of its own."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.gateways.base import EventKind, GatewayEvent
from apps.gateways.registry import gateway_names, get_gateway
from apps.payouts.handlers import on_gateway_payout
from apps.payouts.models import Payout, Seller
from apps.payouts.services.payouts import sweep_payouts
from apps.webhooks.errors import UnknownObject
from simulator.testing import RunningSimulator
from tests.factories.payments import confirmed_intent
from tests.factories.payouts import asked_payout, paid_seller, wallet_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_window(settings: Any) -> None:
    settings.PAYOUT_CANCEL_WINDOW_SECONDS = 0


def funded(simulator: RunningSimulator, destination: str) -> Seller:
    """Return a seller with 1000 in the wallet, and a gateway which has as much for us."""
    confirmed_intent(amount=5000)
    simulator.advance_clock(2 * 86_400)
    return paid_seller(1000, payout_destination=destination)


def webhook(payout: Payout, **changes: Any) -> GatewayEvent:
    told: dict[str, Any] = {
        "id": "evt_1",
        "type": "payout.updated",
        "kind": EventKind.PAYOUT,
        "reference": payout.gateway_reference,
        "occurred_at": timezone.now(),
        "payout_id": payout.id,
    }
    return GatewayEvent(**{**told, **changes})


def hear(payout: Payout) -> Payout:
    on_gateway_payout(gateway=payout.gateway, event=webhook(payout), now=timezone.now())
    return Payout.objects.get(pk=payout.id)


@pytest.mark.parametrize(
    ("destination", "first", "last", "left"),
    [
        ("ba_seller", "paid", "paid", 300),
        ("ba_closed", "failed", "failed", 1000),
        ("ba_returned", "paid", "failed", 1000),
    ],
)
def test_ac_068_payout_ends_as_the_bank_says(
    simulator: RunningSimulator,
    destination: str,
    first: str,
    last: str,
    left: int,
) -> None:
    seller = funded(simulator, destination)
    asked_payout(seller, 700)
    sweep_payouts(now=timezone.now())
    sent = Payout.objects.get()

    simulator.advance_clock(4)
    then = hear(sent).status
    simulator.advance_clock(4)
    now = hear(sent).status

    assert (sent.status, then, now) == ("in_transit", first, last)
    assert wallet_of(seller).available == left


def test_polling_finds_what_no_webhook_told(simulator: RunningSimulator) -> None:
    seller = funded(simulator, "ba_seller")
    asked_payout(seller, 700)
    sweep_payouts(now=timezone.now())
    simulator.advance_clock(4)

    sweep_payouts(now=timezone.now() + timedelta(days=1))

    assert Payout.objects.get().status == "paid"


def test_money_the_gateway_has_not_got_fails_the_payout(
    simulator: RunningSimulator,
) -> None:
    seller = paid_seller(1000)
    asked_payout(seller, 700)

    sweep_payouts(now=timezone.now())

    failed = Payout.objects.get()
    assert (failed.status, failed.failure_code) == ("failed", "balance_insufficient")
    assert wallet_of(seller).available == 1000


def test_payout_is_found_by_our_reference(simulator: RunningSimulator) -> None:
    payout = asked_payout(funded(simulator, "ba_seller"), 700)
    sweep_payouts(now=timezone.now())
    gateway = get_gateway(gateway_names()[0])

    found = gateway.find_payout(payout.id)

    assert found is not None
    assert (found.payout_id, found.amount, found.currency) == (payout.id, 700, "EUR")
    assert gateway.find_payout("po_nobody") is None


def test_webhook_about_another_ones_payout_is_not_ours(
    simulator: RunningSimulator,
) -> None:
    payout = asked_payout(funded(simulator, "ba_seller"), 700)

    with pytest.raises(UnknownObject):
        hear(payout)
