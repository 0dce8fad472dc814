"""Recovery on demand and by the clock: what it asks, what it leaves, and what it prints."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.gateways.errors import GatewayUnknown
from apps.payments.models import PaymentAttempt, PaymentIntent, Refund
from apps.payments.policies import next_check
from apps.payments.services.refunds import request_refund
from tests.factories.payments import SCOPE, TESTER, attempt_of, confirmed_intent
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db


def lost_payment(gateway: FakeGateway) -> PaymentIntent:
    """Return a payment that was charged, but whose answers were lost."""
    gateway.after = [GatewayUnknown("read timeout"), GatewayUnknown("read timeout")]
    return confirmed_intent()


def recover() -> list[str]:
    out = StringIO()
    call_command("recover_payments", stdout=out)
    return out.getvalue().splitlines()


def test_recovery_settles_a_lost_payment_and_prints_what_it_did(gateway: FakeGateway) -> None:
    lost = lost_payment(gateway)
    attempt = attempt_of(lost)
    PaymentAttempt.objects.update(due_at=timezone.now() + timedelta(hours=1))

    lines = recover()

    assert lines == [
        f"{lost.id} {attempt.id} at stripe_main: unknown -> captured, payment succeeded",
        "attempts: 1 looked at, 1 moved",
        "refunds: 0 looked at, 0 moved",
        "intents expired: 0",
    ]
    assert len(gateway.captures) == 1
    assert recover()[0] == "attempts: 0 looked at, 0 moved"


def test_recovery_asks_about_what_was_given_up(gateway: FakeGateway) -> None:
    lost = lost_payment(gateway)
    PaymentAttempt.objects.update(due_at=None, checks=14)

    recover()

    assert PaymentIntent.objects.get(pk=lost.pk).status == "succeeded"


def test_recovery_leaves_an_attempt_whose_runner_lives(gateway: FakeGateway) -> None:
    lost_payment(gateway)
    calls = len(gateway.calls)
    PaymentAttempt.objects.update(due_at=timezone.now() + timedelta(seconds=5))

    assert recover()[0] == "attempts: 0 looked at, 0 moved"
    assert len(gateway.calls) == calls


def test_recovery_says_when_the_gateway_still_does_not_know(gateway: FakeGateway) -> None:
    lost = lost_payment(gateway)
    PaymentAttempt.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    gateway.before = [GatewayUnknown("still away")]

    lines = recover()

    assert lines[0].endswith("at stripe_main: unknown, payment processing")
    assert lines[1] == "attempts: 1 looked at, 0 moved"
    assert PaymentIntent.objects.get(pk=lost.pk).status == "processing"


def test_recovery_sends_a_refund_that_nobody_sent(gateway: FakeGateway) -> None:
    paid = confirmed_intent()
    refund = request_refund(
        scope=SCOPE, intent_id=paid.id, amount=400, origin=TESTER, now=timezone.now()
    )
    Refund.objects.update(due_at=None)

    lines = recover()

    assert lines[1] == f"{paid.id} {refund.id} at stripe_main: pending -> succeeded"
    assert Refund.objects.get().status == "succeeded"


def test_ac_013_a_lost_outcome_is_asked_about_by_a_schedule_that_ends() -> None:
    now = timezone.now()
    waits: list[timedelta] = []
    while (due := next_check(now, checks=len(waits))) is not None:
        waits.append(due - now)

    assert waits[-8:] == [
        timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1),
        *[timedelta(days=1)] * 5,
    ]  # fmt: skip
    assert sum(waits[:-8], timedelta()) == timedelta(seconds=80)
