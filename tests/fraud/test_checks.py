"""The second look: what the bank said about security code, address and 3DS."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from apps.common.origin import Origin, Scope
from apps.fraud.models import Check, Review
from apps.fraud.services.reviews import approve_review, decline_review
from apps.gateways.base import PaymentResult, PaymentState
from apps.outbox.models import Event
from apps.payments.handlers import on_review_closed
from apps.payments.models import PaymentIntent, Refund
from apps.payments.services.attempts import sync_attempt
from tests.factories.fraud import NOON, decision_of, live_rule, paid
from tests.factories.payments import attempt_of
from tests.fake_gateway import VISA, FakeGateway, decline

pytestmark = pytest.mark.django_db

CLERK = Origin(actor="staff:eve@shop.example")


def bank_says(**checks: str) -> Callable[[PaymentResult], PaymentResult]:
    return lambda result: replace(result, method=replace(VISA, **checks))  # type: ignore[arg-type]


def test_a_wrong_security_code_is_looked_at_by_a_person(scope: Scope, gateway: FakeGateway) -> None:
    gateway.script = [bank_says(cvc_check="fail")]

    intent = paid(scope)

    check, review = Check.objects.get(), Review.objects.get()
    assert (check.action, check.liability_shifted) == ("review", False)
    assert check.reasons == ["The security code is wrong"]
    assert (review.attempt_id, review.decision_id) == (
        attempt_of(intent).id,
        decision_of(intent).id,
    )
    # The money was taken: the payment stands until somebody has decided.
    assert intent.status == "succeeded"
    assert Event.objects.filter(type="review.opened", object_id=review.id).count() == 1


def test_what_a_person_finds_fraudulent_goes_back(scope: Scope, gateway: FakeGateway) -> None:
    gateway.script = [bank_says(avs_line1_check="fail", avs_postal_code_check="fail")]
    intent = paid(scope)

    review = Review.objects.get()
    decline_review(scope=scope, review_id=review.id, origin=CLERK, now=NOON)
    on_review_closed(
        Event.objects.get(object_id=review.id, type="review.closed"),
        now=NOON + timedelta(seconds=5),
    )

    refund = Refund.objects.get(intent_id=intent.id)
    assert (refund.amount, refund.reason) == (intent.amount, "fraudulent")


def test_what_a_person_finds_good_stays(scope: Scope, gateway: FakeGateway) -> None:
    gateway.script = [bank_says(cvc_check="fail")]
    paid(scope)

    review = Review.objects.get()
    approve_review(scope=scope, review_id=review.id, origin=CLERK, now=NOON)
    on_review_closed(Event.objects.get(object_id=review.id, type="review.closed"), now=NOON)

    assert not Refund.objects.exists()
    assert PaymentIntent.objects.get().status == "succeeded"


@pytest.mark.parametrize("result", ["authenticated", "attempt_acknowledged"])
def test_a_bank_that_authenticated_bears_the_loss(
    scope: Scope, gateway: FakeGateway, result: str
) -> None:
    gateway.script = [bank_says(cvc_check="fail", three_d_secure=result)]

    paid(scope)

    check = Check.objects.get()
    assert (check.liability_shifted, check.action, check.three_d_secure) == (True, "allow", result)
    assert not Review.objects.exists()


def test_a_result_that_comes_with_the_money_after_3ds_is_kept(
    scope: Scope, gateway: FakeGateway
) -> None:
    gateway.script = [
        lambda result: replace(
            result, state=PaymentState.REQUIRES_ACTION, amount_captured=0, action_url="https://b/"
        )
    ]
    intent = paid(scope)
    assert not Check.objects.exists()

    attempt = attempt_of(intent)
    reference = attempt.gateway_reference
    gateway.payments[reference] = replace(
        gateway.payments[reference],
        state=PaymentState.CAPTURED,
        amount_captured=intent.amount,
        method=replace(VISA, three_d_secure="authenticated"),
    )
    for _ in range(2):
        sync_attempt(attempt_id=attempt.id, reference=reference, origin=CLERK, now=NOON)

    assert Check.objects.get().liability_shifted is True
    assert attempt_of(intent).method_details["three_d_secure"] == "authenticated"


@pytest.mark.parametrize(
    "checks",
    [{}, {"cvc_check": "pass"}, {"cvc_check": "unchecked", "avs_line1_check": "unavailable"}],
)
def test_nothing_is_kept_where_nothing_was_told(
    scope: Scope, gateway: FakeGateway, checks: dict[str, str]
) -> None:
    gateway.script = [bank_says(**checks)]

    paid(scope)

    assert not Check.objects.exists()


def test_half_an_address_is_no_reason(scope: Scope, gateway: FakeGateway) -> None:
    gateway.script = [bank_says(avs_line1_check="fail", avs_postal_code_check="pass")]

    paid(scope)

    assert Check.objects.get().action == "allow"
    assert not Review.objects.exists()


def test_a_payment_under_review_is_not_reviewed_twice(scope: Scope, gateway: FakeGateway) -> None:
    live_rule(scope, "review", "amount >= 1000")
    gateway.script = [bank_says(cvc_check="fail")]

    paid(scope)

    assert Check.objects.get().action == "review"
    assert Review.objects.count() == 1


def test_a_declined_payment_needs_no_second_look(scope: Scope, gateway: FakeGateway) -> None:
    gateway.script = [decline("incorrect_cvc")]

    paid(scope)

    assert not Check.objects.exists()


def test_postgresql_lets_nobody_change_a_check(scope: Scope, gateway: FakeGateway) -> None:
    gateway.script = [bank_says(three_d_secure="authenticated")]
    paid(scope)

    for sql in ("UPDATE fraud_check SET liability_shifted = false", "DELETE FROM fraud_check"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
