"""Many refunds at once: seen before they are asked for, decided by a second person."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.backoffice.models import Allowance, Approval, StaffAction
from apps.backoffice.services import approve, reject
from apps.common.origin import Origin
from apps.payments.models import PaymentIntent, Refund
from apps.payments.services.sweeps import sweep_refunds
from apps.payments.states import RefundStatus
from tests.factories.backoffice import staff
from tests.factories.payments import confirmed_intent, held_intent
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]
URL_NAME = "admin:payments_paymentintent_list_dialog"


def press(client: Client, *payments: PaymentIntent, **answers: str) -> Any:
    form = {
        "nonce": str(uuid.uuid4()),
        "payments": "\n".join(row.pk for row in payments),
        "cause": "duplicate",
        "reason": "The batch ran twice.",
        **answers,
    }
    return client.post(reverse(URL_NAME, args=["bulk-refund"]), form)


def seen_in(answer: Any) -> str:
    """Return the mark of the preview that a form was shown with."""
    found = re.search(r'name="seen" value="(\w+)"', answer.content.decode())
    assert found is not None
    return found[1]


def ask(client: Client, *payments: PaymentIntent) -> Any:
    return press(client, *payments, seen=seen_in(press(client, *payments)))


def decide(decision: Any, by: Any) -> None:
    decision(
        approval_id=Approval.objects.get().id,
        user=by,
        note="Seen.",
        origin=Origin(actor=by.actor),
        now=timezone.now(),
    )


@pytest.fixture
def payments(gateway: FakeGateway) -> list[PaymentIntent]:
    return [
        confirmed_intent(amount=1050),
        confirmed_intent(amount=2000, currency="JPY"),
        confirmed_intent(amount=950),
    ]


def test_ticked_payments_are_summed_up_before_anything_is_asked(
    enter_as: EnterAs, payments: list[PaymentIntent]
) -> None:
    client = enter_as("support_lead")
    picks = "&".join(f"pick={row.pk}" for row in payments)

    text = client.get(f"{reverse(URL_NAME, args=['bulk-refund'])}?{picks}").content.decode()

    assert "20.00\u00a0EUR" in text
    assert "2,000\u00a0JPY" in text
    assert all(row.pk in text for row in payments)
    assert not Refund.objects.exists()


def test_what_was_not_seen_is_not_asked_for(
    enter_as: EnterAs, payments: list[PaymentIntent]
) -> None:
    client = enter_as("support_lead")
    seen = seen_in(press(client, *payments[:2]))

    refused = press(client, *payments, seen=seen)

    assert refused.status_code == 422
    assert "Look at what this comes to" in refused.content.decode()
    assert not Refund.objects.exists()


def test_all_of_them_wait_for_a_second_person_however_small(
    enter_as: EnterAs, payments: list[PaymentIntent], gateway: FakeGateway
) -> None:
    client = enter_as("finance_lead")
    held = held_intent(amount=500)

    answer = ask(client, *payments, held)

    assert answer.status_code == 302
    assert [refund.status for refund in Refund.objects.all()] == [
        RefundStatus.REQUIRES_APPROVAL
    ] * 3
    approval = Approval.objects.get()
    assert (approval.kind, approval.amount) == ("bulk_refund", None)
    assert sorted(approval.payload["refunds"].values()) == sorted(row.pk for row in payments)
    assert list(approval.payload["refused"]) == [held.pk]
    assert gateway.count("refund") == 0
    assert not Allowance.objects.exists()
    told = StaffAction.objects.get()
    assert (told.action, told.object_id) == ("paymentintent.bulk-refund", approval.id)
    assert f"Refused: 1. {held.pk}:" in told.outcome


def test_a_yes_sends_all_and_a_double_click_asked_once(
    enter_as: EnterAs, payments: list[PaymentIntent], gateway: FakeGateway
) -> None:
    client = enter_as("finance")
    nonce = str(uuid.uuid4())
    seen = seen_in(press(client, *payments))
    for _ in range(2):
        assert press(client, *payments, seen=seen, nonce=nonce).status_code == 302

    decide(approve, staff("backoffice.approve_refund"))
    sweep_refunds(now=timezone.now())

    assert [refund.status for refund in Refund.objects.all()] == [RefundStatus.SUCCEEDED] * 3
    assert gateway.count("refund") == 3


def test_a_no_frees_the_money_of_all(
    enter_as: EnterAs, payments: list[PaymentIntent], gateway: FakeGateway
) -> None:
    ask(enter_as("finance"), payments[0], payments[2])
    assert Approval.objects.get().amount == 2000

    decide(reject, staff("backoffice.approve_refund"))

    assert {refund.status for refund in Refund.objects.all()} == {RefundStatus.CANCELED}
    assert [row.amount_refund_pending for row in PaymentIntent.objects.filter(currency="EUR")] == [
        0,
        0,
    ]
    assert gateway.count("refund") == 0


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("pi_nothing", "There is no payment pi_nothing."),
        (" ".join(f"pi_{number}" for number in range(101)), "At most 100 payments at once."),
    ],
)
def test_what_cannot_be_meant_is_refused(
    gateway: FakeGateway, enter_as: EnterAs, typed: str, said: str
) -> None:
    answer = press(enter_as("finance"), payments=typed)

    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_when_nothing_can_be_refunded_nothing_waits(
    gateway: FakeGateway, enter_as: EnterAs
) -> None:
    answer = ask(enter_as("finance"), held_intent(amount=500))

    assert answer.status_code == 422
    assert "None of 1 payments can be refunded" in answer.content.decode()
    assert not Approval.objects.exists()
    assert not Refund.objects.exists()
