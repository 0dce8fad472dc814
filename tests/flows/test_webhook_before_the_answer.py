"""A gateway's webhook that overtakes the answer of its own call has one effect with it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.disputes.models import Dispute
from apps.gateways.base import EventKind, GatewayEvent, PaymentRequest, PaymentResult, PaymentState
from apps.gateways.errors import GatewayUnknown
from apps.ledger.models import JournalEntry
from apps.outbox.history import find_differences
from apps.outbox.models import Event
from apps.payments.handlers import on_gateway_payment
from apps.payments.models import PaymentIntent
from apps.payments.services.attempts import sync_attempt
from apps.payments.services.intents import Confirmation, confirm_intent
from apps.payments.services.sweeps import sweep_attempts
from apps.webhooks.errors import UnknownObject
from tests.disputes.stories import balances, tell
from tests.factories.payments import SCOPE, TESTER, attempt_of, created_intent
from tests.fake_gateway import FakeGateway, pending, use_gateways
from tests.races import race


@pytest.fixture
def gateway(settings: Any) -> Any:
    fake = FakeGateway()
    with use_gateways(settings, fake):
        yield fake


def news_of(result: PaymentResult) -> GatewayEvent:
    return GatewayEvent(
        id=f"evt_of_{result.attempt_id}",
        type="payment_intent.succeeded",
        kind=EventKind.PAYMENT,
        reference=result.reference,
        occurred_at=timezone.now(),
        attempt_id=result.attempt_id,
    )


def confirm(intent: PaymentIntent) -> None:
    confirm_intent(
        scope=SCOPE,
        intent_id=intent.id,
        confirmation=Confirmation(payment_method="pm_card_visa"),
        origin=TESTER,
        now=timezone.now(),
    )


def outcome(intent: PaymentIntent) -> tuple[str, int, int, int]:
    stored = PaymentIntent.objects.get(pk=intent.id)
    attempt = attempt_of(stored)
    return (
        str(stored.status),
        stored.amount_received,
        Event.objects.filter(object_id=intent.id, type="payment_intent.succeeded").count(),
        JournalEntry.objects.filter(source_id=attempt.id, kind="captured").count(),
    )


@pytest.mark.django_db
def test_ac_076_news_before_our_own_answer_is_recorded_once(gateway: FakeGateway) -> None:
    intent = created_intent()
    charge = gateway.create_payment

    def charge_and_tell(request: PaymentRequest) -> PaymentResult:
        result = charge(request)
        on_gateway_payment(gateway=gateway.name, event=news_of(result), now=timezone.now())
        return result

    gateway.create_payment = charge_and_tell  # type: ignore[method-assign]
    confirm(intent)

    assert outcome(intent) == ("succeeded", intent.amount, 1, 1)
    assert gateway.count("create") == 1
    assert list(find_differences()) == []


@pytest.mark.django_db
def test_ac_072_a_dispute_before_its_charge_is_known_waits_and_ends_the_same(
    gateway: FakeGateway,
) -> None:
    gateway.after = [GatewayUnknown("read timeout"), GatewayUnknown("read timeout")]
    intent = created_intent()
    confirm(intent)
    [charge] = gateway.captures
    opened = gateway.open_dispute(charge, now=timezone.now())

    with pytest.raises(UnknownObject):
        tell(opened)
    assert PaymentIntent.objects.get(pk=intent.id).status == "processing"
    assert not Dispute.objects.exists()
    sweep_attempts(now=timezone.now() + timedelta(minutes=1))
    dispute = tell(opened, times=2)

    assert outcome(intent) == ("succeeded", intent.amount, 1, 1)
    assert (dispute.status, dispute.amount_withdrawn) == ("needs_response", intent.amount)
    assert balances() == {
        "sales": intent.amount,
        "gateway_fees": 30,
        "dispute_withheld": intent.amount,
        "dispute_fees": 1500,
        "gateway_clearing": -30 - 1500,
    }
    assert list(find_differences()) == []


@pytest.mark.django_db(transaction=True)
def test_ac_076_two_who_hear_of_the_charge_at_the_same_moment_book_it_once(
    gateway: FakeGateway,
) -> None:
    gateway.script.append(pending)
    intent = created_intent()
    confirm(intent)
    attempt = attempt_of(PaymentIntent.objects.get(pk=intent.id))
    gateway.move(
        attempt.gateway_reference, state=PaymentState.CAPTURED, amount_captured=intent.amount
    )

    def hear(now: datetime) -> Callable[[], object]:
        return lambda: sync_attempt(
            attempt_id=attempt.id, reference=attempt.gateway_reference, origin=TESTER, now=now
        )

    now = timezone.now()
    race(PaymentIntent.objects.get(pk=intent.id), hear(now), hear(now))

    assert outcome(intent) == ("succeeded", intent.amount, 1, 1)
    assert list(find_differences()) == []
