"""Block, review, 3DS: what an assessment does to a payment, from the confirm to the books."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from apps.common.origin import Origin, Scope
from apps.fraud.errors import ReviewClosed
from apps.fraud.models import Decision, Label, Review
from apps.fraud.services.reviews import approve_review, decline_review
from apps.gateways.errors import GatewayNotSent
from apps.outbox.history import find_differences
from apps.outbox.models import Event
from apps.outbox.relay import drain
from apps.payments.admin.records import read_records
from apps.payments.handlers import on_review_closed
from apps.payments.models import PaymentIntent
from apps.payments.services.sweeps import sweep_attempts
from tests.factories.fraud import NOON, decision_of, live_rule, paid
from tests.factories.payments import attempt_of, stored_method
from tests.fake_gateway import FakeGateway, decline, use_gateways

pytestmark = pytest.mark.django_db

CLERK = Origin(actor="staff:eve@shop.example")


def tell_payments(review: Review) -> PaymentIntent:
    """Deliver the verdict as the relay would, twice, and let the sweeper work."""
    event = Event.objects.get(object_id=review.id, type="review.closed")
    later = NOON + timedelta(seconds=5)
    for _ in range(2):
        on_review_closed(event, now=later)
    sweep_attempts(now=later + timedelta(seconds=1))
    return PaymentIntent.objects.get(pk=review.intent_id)


def test_a_blocked_payment_fails_without_a_call_of_the_gateway(
    scope: Scope, gateway: FakeGateway
) -> None:
    live_rule(scope, "block", "amount >= 1000")

    intent = paid(scope)

    assert intent.status == "failed"
    error = intent.last_payment_error or {}
    assert (error["code"], error["type"], error["retryable"]) == (
        "fraud_block",
        "card_error",
        False,
    )
    assert gateway.calls == []
    attempt = attempt_of(intent)
    assert (attempt.status, attempt.error_class, attempt.due_at) == ("failed", "fraud", None)
    assert decision_of(intent).action == "block"
    assert list(find_differences()) == []


def test_a_reviewed_payment_is_held_and_taken_when_found_good(
    scope: Scope, gateway: FakeGateway
) -> None:
    live_rule(scope, "review", "amount >= 1000")

    intent = paid(scope)

    assert intent.status == "processing"
    assert intent.next_action == {"type": "review"}
    assert gateway.captures == []
    assert attempt_of(intent).status == "authorized"
    review = Review.objects.get(intent_id=intent.id)
    assert Event.objects.filter(object_id=review.id, type="review.opened").count() == 1

    review = approve_review(scope=scope, review_id=review.id, origin=CLERK, now=NOON)
    intent = tell_payments(review)

    assert intent.status == "succeeded"
    assert intent.amount_received == 1000
    assert len(gateway.captures) == 1
    assert Label.objects.get().is_fraud is False
    assert list(find_differences()) == []


def test_a_review_found_fraudulent_lets_go_of_the_money(scope: Scope, gateway: FakeGateway) -> None:
    live_rule(scope, "review", "amount >= 1000")
    intent = paid(scope)
    review = Review.objects.get(intent_id=intent.id)

    review = decline_review(scope=scope, review_id=review.id, origin=CLERK, now=NOON)
    intent = tell_payments(review)

    assert (intent.status, intent.cancellation_reason) == ("canceled", "fraudulent")
    assert gateway.captures == []
    assert gateway.count("void") == 1
    assert Label.objects.get().is_fraud is True


def test_a_review_is_closed_once(scope: Scope, gateway: FakeGateway) -> None:
    live_rule(scope, "review", "amount >= 1000")
    review = Review.objects.get(intent_id=paid(scope).id)
    approve_review(scope=scope, review_id=review.id, origin=CLERK, now=NOON)

    with pytest.raises(ReviewClosed):
        decline_review(scope=scope, review_id=review.id, origin=CLERK, now=NOON)

    review.refresh_from_db()
    assert (review.status, review.version) == ("approved", 2)
    assert Label.objects.count() == 1


def test_a_review_of_a_manual_capture_leaves_the_capture_to_the_merchant(
    scope: Scope, gateway: FakeGateway
) -> None:
    live_rule(scope, "review", "amount >= 1000")
    intent = paid(scope, capture_method="manual")
    assert intent.status == "processing"

    review = Review.objects.get(intent_id=intent.id)
    review = approve_review(scope=scope, review_id=review.id, origin=CLERK, now=NOON)
    intent = tell_payments(review)

    assert (intent.status, intent.amount_capturable) == ("requires_capture", 1000)
    assert gateway.captures == []


def test_a_rule_that_asks_for_3ds_reaches_the_gateway(scope: Scope, gateway: FakeGateway) -> None:
    live_rule(scope, "request_three_d_secure", "amount >= 1000")

    intent = paid(scope)

    assert intent.status == "succeeded"
    assert attempt_of(intent).request_three_d_secure == "any"


def test_a_decline_at_the_gateway_that_took_over_is_counted(scope: Scope, settings: Any) -> None:
    first, second = FakeGateway("stripe_main"), FakeGateway("stripe_spare")
    first.before = [GatewayNotSent("connection refused")]
    second.script = [decline("insufficient_funds")]
    with use_gateways(settings, first, second):
        method = stored_method(first.name, second.name, scope=scope)
        declined = paid(scope, method=method.id, now=timezone.now())
        drain(now=timezone.now())
        again = paid(scope, method=method.id, now=timezone.now())

    assert [a.gateway for a in declined.attempts.order_by("number")] == [first.name, second.name]
    assert decision_of(again).facts["card_declines_1h"] == 1
    assert decision_of(again).facts["card_attempts_1h"] == 2
    records = read_records(PaymentIntent.objects.get(pk=declined.id))
    assert records.decision == Decision.objects.get(intent_id=declined.id)


def test_nobody_is_asked_for_3ds_who_is_not_there(scope: Scope, gateway: FakeGateway) -> None:
    live_rule(scope, "request_three_d_secure", "amount >= 1000")

    intent = paid(scope, off_session=True)

    assert attempt_of(intent).request_three_d_secure == ""
    assert decision_of(intent).action == "allow"


def test_payments_without_a_customer_may_look_alike(scope: Scope, gateway: FakeGateway) -> None:
    live_rule(scope, "block", "is_duplicate")

    for key in ("k1", "k2", "k3"):
        assert paid(scope, key=key).status == "succeeded"

    assert gateway.count("create") == 3


def test_a_decision_cannot_be_changed_afterwards(scope: Scope, gateway: FakeGateway) -> None:
    decision = decision_of(paid(scope))

    with pytest.raises(DatabaseError), transaction.atomic():
        type(decision).objects.filter(pk=decision.pk).update(action="block")

    decision.refresh_from_db()
    assert decision.action == "allow"
