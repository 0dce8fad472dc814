"""Refunding once more what failed."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.backoffice.policies import RefundLimits
from apps.common.ids import new_id
from apps.common.origin import Origin
from apps.gateways.base import RefundState
from apps.payments.errors import RefundExceedsCaptured, RefundNotRetryable
from apps.payments.models import PaymentIntent, Refund
from apps.payments.services.approvals import retry_refund_by_staff
from apps.payments.services.refunds import request_refund, run_refund
from apps.payments.states import RefundStatus
from tests.factories.payments import SCOPE, TESTER, confirmed_intent
from tests.fake_gateway import FakeGateway
from tests.races import race

ANA = Origin(actor="staff:ana@shop.example")


def failed_refund(gateway: FakeGateway, **fields: Any) -> Refund:
    payment = confirmed_intent(amount=1000)
    gateway.refund_state = RefundState.FAILED
    asked = request_refund(
        scope=SCOPE, intent_id=payment.id, origin=TESTER, now=timezone.now(), **fields
    )
    refund = run_refund(refund_id=asked.id, now=timezone.now())
    gateway.refund_state = RefundState.SUCCEEDED
    assert refund.status == RefundStatus.FAILED
    return refund


def retry(refund: Refund, *, each: int = 100) -> Refund:
    return retry_refund_by_staff(
        scope=SCOPE,
        refund_id=refund.id,
        note="The bank was closed.",
        limits=RefundLimits(each=each, daily=1000),
        origin=ANA,
        now=timezone.now(),
    )


@pytest.mark.django_db
def test_what_failed_is_refunded_once_more_with_the_same_facts(gateway: FakeGateway) -> None:
    failed = failed_refund(gateway, amount=400, reason="duplicate", metadata={"case": "7"})

    again = retry(failed)

    assert again.status == RefundStatus.SUCCEEDED
    assert (again.amount, again.reason, again.metadata) == (400, "duplicate", {"case": "7"})
    assert (again.retry_of_id, again.actor) == (failed.id, "staff:ana@shop.example")
    payment = PaymentIntent.objects.get()
    assert (payment.amount_refunded, payment.amount_refund_pending) == (400, 0)


@pytest.mark.django_db
def test_a_failed_refund_is_retried_once(gateway: FakeGateway) -> None:
    failed = failed_refund(gateway, amount=400)
    again = retry(failed)

    with pytest.raises(RefundNotRetryable) as refusal:
        retry(failed)

    assert refusal.value.context == {"refund": failed.id, "status": "failed", "retry": again.id}
    assert PaymentIntent.objects.get().amount_refunded == 400


@pytest.mark.django_db
def test_a_retry_that_failed_is_retried_itself(gateway: FakeGateway) -> None:
    failed = failed_refund(gateway, amount=400)
    gateway.refund_state = RefundState.FAILED
    second = retry(failed)
    gateway.refund_state = RefundState.SUCCEEDED

    third = retry(second)

    assert (second.status, third.status) == (RefundStatus.FAILED, RefundStatus.SUCCEEDED)
    assert PaymentIntent.objects.get().amount_refunded == 400


@pytest.mark.django_db
def test_what_did_not_fail_is_not_retried(gateway: FakeGateway) -> None:
    payment = confirmed_intent(amount=1000)
    asked = request_refund(
        scope=SCOPE, intent_id=payment.id, amount=400, origin=TESTER, now=timezone.now()
    )

    with pytest.raises(RefundNotRetryable) as refusal:
        retry(asked)

    assert refusal.value.context == {"refund": asked.id, "status": "pending", "retry": "-"}
    assert Refund.objects.count() == 1


@pytest.mark.django_db
def test_money_that_went_back_in_another_way_is_not_sent_again(gateway: FakeGateway) -> None:
    failed = failed_refund(gateway, amount=1000)
    other = request_refund(
        scope=SCOPE, intent_id=failed.intent_id, amount=600, origin=TESTER, now=timezone.now()
    )

    with pytest.raises(RefundExceedsCaptured):
        retry(failed)

    assert set(Refund.objects.values_list("id", flat=True)) == {failed.id, other.id}


@pytest.mark.django_db
def test_a_retry_above_the_limit_waits_for_a_second_person(gateway: FakeGateway) -> None:
    failed = failed_refund(gateway, amount=400)

    again = retry(failed, each=3)

    assert (again.status, again.retry_of_id) == (RefundStatus.REQUIRES_APPROVAL, failed.id)


@pytest.mark.django_db(transaction=True)
def test_two_people_who_retry_together_refund_once(gateway: FakeGateway) -> None:
    failed = failed_refund(gateway, amount=400)

    outcomes = race(PaymentIntent.objects.get(), lambda: retry(failed), lambda: retry(failed))

    assert sorted(type(o).__name__ for o in outcomes) == ["Refund", "RefundNotRetryable"]
    assert PaymentIntent.objects.get().amount_refunded == 400


@pytest.mark.django_db
def test_postgresql_refuses_a_second_retry(gateway: FakeGateway) -> None:
    failed = failed_refund(gateway, amount=400)
    twin = retry(failed)
    twin.pk = new_id("re")

    with pytest.raises(IntegrityError, match="retry_of"), transaction.atomic():
        twin.save(force_insert=True)
