"""Each operation has a circuit of its own: what fails rests, what works goes on."""

import pytest
from django.utils import timezone

from apps.gateways.circuit import CircuitPolicy
from apps.gateways.errors import GatewayNotSent
from apps.payments.services.refunds import request_refund, run_refund
from apps.payouts.models import Payout
from apps.payouts.services.payouts import sweep_payouts
from tests.factories.payments import SCOPE, TESTER, confirmed_intent
from tests.factories.payouts import asked_payout, paid_seller
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

TRIPS = CircuitPolicy().least_calls


def refund_again(intent_id: str) -> str:
    now = timezone.now()
    refund = request_refund(scope=SCOPE, intent_id=intent_id, amount=1, origin=TESTER, now=now)
    return str(run_refund(refund_id=refund.id, now=now).status)


def test_refunds_that_fail_rest_while_payments_go_on(gateway: FakeGateway) -> None:
    paid = confirmed_intent()
    gateway.before = [GatewayNotSent("refused")] * TRIPS
    for _ in range(TRIPS):
        assert refund_again(paid.id) == "pending"
    asked = gateway.count("refund")

    assert refund_again(paid.id) == "pending"

    assert gateway.count("refund") == asked
    assert confirmed_intent().status == "succeeded"


def test_payouts_that_fail_rest_and_stay_pending(gateway: FakeGateway) -> None:
    seller = paid_seller(10_000)
    payouts = [asked_payout(seller, 100 + each) for each in range(TRIPS + 1)]
    Payout.objects.update(due_at=timezone.now())
    gateway.before = [GatewayNotSent("refused")] * TRIPS

    sweep_payouts(now=timezone.now())

    assert [Payout.objects.get(pk=each.pk).status for each in payouts] == ["pending"] * (TRIPS + 1)
    assert gateway.payouts == {}
    assert gateway.before == []
