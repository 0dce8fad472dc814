"""Refunds never give back more than was captured, and every one is sent and booked once."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from apps.gateways.base import RefundState
from apps.gateways.errors import GatewayNotSent, GatewayRejected, GatewayUnknown
from apps.ledger.models import JournalEntry
from apps.outbox.history import find_differences
from apps.outbox.models import Event
from apps.payments.errors import (
    PaymentNotRefundable,
    RefundExceedsCaptured,
    UncapturedNotRefundable,
)
from apps.payments.models import PaymentIntent, Refund
from apps.payments.services.refunds import record_refund, request_refund, run_refund
from apps.payments.services.sweeps import sweep_refunds
from tests.factories.payments import SCOPE, TESTER, confirmed_intent, created_intent, held_intent
from tests.fake_gateway import FakeGateway
from tests.races import race

pytestmark = pytest.mark.django_db


def ask(intent: PaymentIntent, amount: int | None = None) -> Refund:
    return request_refund(
        scope=SCOPE, intent_id=intent.id, amount=amount, origin=TESTER, now=timezone.now()
    )


def refund(intent: PaymentIntent, amount: int | None = None) -> Refund:
    return run_refund(refund_id=ask(intent, amount).id, origin=TESTER, now=timezone.now())


def reload(intent: PaymentIntent) -> PaymentIntent:
    return PaymentIntent.objects.get(pk=intent.id)


def kinds(refund_id: str) -> list[str]:
    return sorted(entry.kind for entry in JournalEntry.objects.filter(source_id=refund_id))


def test_full_refund_closes_the_payment(gateway: FakeGateway) -> None:
    intent = confirmed_intent(amount=1050)

    sent = refund(intent)

    intent = reload(intent)
    assert (sent.status, sent.amount) == ("succeeded", 1050)
    assert (intent.status, intent.amount_refunded, intent.amount_refund_pending) == (
        "refunded", 1050, 0,
    )  # fmt: skip
    assert kinds(sent.id) == ["refunded"]
    assert [r.amount for r in gateway.refunds.values()] == [1050]
    assert list(find_differences()) == []


def test_partial_refund_keeps_the_payment_succeeded(gateway: FakeGateway) -> None:
    intent = confirmed_intent(amount=1000)

    refund(intent, 300)

    intent = reload(intent)
    assert (intent.status, intent.amount_refunded, intent.amount_refundable) == (
        "succeeded", 300, 700,
    )  # fmt: skip
    assert Event.objects.filter(type="charge.refunded").count() == 1


@pytest.mark.parametrize("amount", [1001, 0, -1])
def test_ac_049_impossible_amounts_are_refused_and_leave_no_trace(
    gateway: FakeGateway, amount: int
) -> None:
    intent = confirmed_intent(amount=1000)
    events = Event.objects.count()

    with pytest.raises(RefundExceedsCaptured) as refusal:
        ask(intent, amount)

    assert refusal.value.context == {"requested": amount, "refundable": 1000}
    assert not Refund.objects.exists()
    assert Event.objects.count() == events
    assert gateway.refunds == {}


@pytest.mark.django_db(transaction=True)
def test_ac_049_two_clerks_pressing_refund_together_return_the_money_once(
    gateway: FakeGateway,
) -> None:
    intent = confirmed_intent(amount=1000)
    press = partial(ask, intent, 600)

    outcomes = race(intent, press, press)

    names = sorted(type(outcome).__name__ for outcome in outcomes)
    assert names == ["Refund", "RefundExceedsCaptured"]
    assert Refund.objects.get().amount == 600
    assert reload(intent).amount_refund_pending == 600


def test_ac_049e_held_money_is_canceled_not_refunded(gateway: FakeGateway) -> None:
    intent = held_intent()

    with pytest.raises(UncapturedNotRefundable):
        ask(intent)

    assert not Refund.objects.exists()


def test_unpaid_intent_is_not_refundable(gateway: FakeGateway) -> None:
    with pytest.raises(PaymentNotRefundable):
        ask(created_intent())


def test_the_bank_s_reference_is_kept_and_told_once(gateway: FakeGateway) -> None:
    sent = refund(confirmed_intent(amount=1000))
    told = replace(
        gateway.refunds[sent.gateway_reference],
        bank_reference="74567890123456789012345",
        bank_reference_type="acquirer_reference_number",
    )

    for _ in range(2):
        record_refund(refund_id=sent.id, outcome=told, origin=TESTER, now=timezone.now())
    record_refund(
        refund_id=sent.id,
        outcome=replace(told, bank_reference="", bank_reference_type=""),
        origin=TESTER,
        now=timezone.now(),
    )

    kept = Refund.objects.get()
    assert (kept.status, kept.version) == ("succeeded", sent.version + 1)
    event = Event.objects.get(object_id=sent.id, sequence=kept.version)
    assert event.type == "refund.updated"
    assert event.object["destination_details"] == {
        "type": "card",
        "card": {
            "reference": "74567890123456789012345",
            "reference_status": "available",
            "reference_type": "acquirer_reference_number",
            "type": "refund",
        },
    }
    assert kinds(sent.id) == ["refunded"]


def test_a_reference_that_comes_with_the_answer_is_in_the_event_of_its_success(
    gateway: FakeGateway,
) -> None:
    gateway.bank_reference = "74567890123456789012345"

    sent = refund(confirmed_intent(amount=1000))

    assert sent.bank_reference == "74567890123456789012345"
    events = Event.objects.filter(object_id=sent.id).order_by("sequence")
    assert [event.type for event in events] == ["refund.created", "refund.updated"]
    assert events[1].object["destination_details"]["card"]["reference"] == sent.bank_reference


def test_ac_049b_refund_that_comes_back_makes_the_amount_refundable_again(
    gateway: FakeGateway,
) -> None:
    intent = confirmed_intent(amount=1000)
    sent = refund(intent)
    result = gateway.refunds[sent.gateway_reference]

    for _ in range(2):
        record_refund(
            refund_id=sent.id,
            outcome=type(result)(
                state=RefundState.FAILED,
                reference=result.reference,
                amount=1000,
                currency="EUR",
                failure_code="expired_or_canceled_card",
            ),
            origin=TESTER,
            now=timezone.now(),
        )

    intent = reload(intent)
    assert (intent.status, intent.amount_refunded, intent.amount_refundable) == (
        "succeeded", 0, 1000,
    )  # fmt: skip
    sent = Refund.objects.get()
    assert (sent.status, sent.failure_reason) == ("failed", "expired_or_canceled_card")
    assert kinds(sent.id) == ["refund_reversed", "refunded"]
    assert Event.objects.filter(type="refund.failed").count() == 1
    assert refund(intent).status == "succeeded"
    assert list(find_differences()) == []


def test_ac_049c_lost_answer_is_found_again_and_refunded_once(gateway: FakeGateway) -> None:
    intent = confirmed_intent(amount=1000)
    gateway.after = [GatewayUnknown("read timeout")]

    sent = refund(intent)
    assert sent.status == "pending"
    sweep_refunds(now=timezone.now() + timedelta(minutes=1))

    assert Refund.objects.get().status == "succeeded"
    assert len(gateway.refunds) == 1
    assert reload(intent).status == "refunded"


def test_refund_that_was_not_sent_is_sent_later(gateway: FakeGateway) -> None:
    intent = confirmed_intent(amount=1000)
    gateway.before = [GatewayNotSent("connection refused")]

    assert refund(intent).status == "pending"
    sweep_refunds(now=timezone.now() + timedelta(minutes=1))

    assert Refund.objects.get().status == "succeeded"


def test_rejected_refund_fails_and_gives_the_reservation_back(gateway: FakeGateway) -> None:
    intent = confirmed_intent(amount=1000)
    gateway.before = [GatewayRejected("too old", code="charge_expired_for_refund")]

    sent = refund(intent)

    assert (sent.status, sent.failure_reason) == ("failed", "charge_expired_for_refund")
    assert reload(intent).amount_refundable == 1000
    assert kinds(sent.id) == []
