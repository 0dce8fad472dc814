"""AC-49f: up to a limit alone, above it with a second person."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.backoffice.errors import OwnRequest
from apps.backoffice.models import Approval, User
from apps.backoffice.selectors import refund_limit
from apps.backoffice.services import approve, expire_approvals, reject, setup_roles
from apps.backoffice.states import ApprovalStatus
from apps.common.fsm import IllegalTransition
from apps.common.origin import Origin
from apps.outbox.models import Event
from apps.payments.models import PaymentIntent, Refund
from apps.payments.services.approvals import refund_by_staff
from apps.payments.services.refunds import cancel_refund
from apps.payments.services.sweeps import sweep_refunds
from apps.payments.states import RefundStatus
from tests.factories.backoffice import staff
from tests.factories.payments import SCOPE, confirmed_intent
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

LIMIT = 10_000


@pytest.fixture
def agent() -> User:
    setup_roles()
    return staff(email="ana@shop.example", role="support_agent")


@pytest.fixture
def lead(agent: User) -> User:
    return staff(email="lea@shop.example", role="support_lead")


def give_back(amount: int, *, by: User) -> Refund:
    payment = confirmed_intent(amount=50_000)
    return refund_by_staff(
        scope=SCOPE,
        intent_id=payment.id,
        amount=amount,
        reason="requested_by_customer",
        note="They are right.",
        limit=LIMIT,
        origin=Origin(actor=by.actor),
        now=timezone.now(),
    )


def decide(decision: Any, approval: Approval, by: User) -> None:
    decision(
        approval_id=approval.id,
        user=by,
        note="As agreed.",
        origin=Origin(actor=by.actor),
        now=timezone.now(),
    )


def sums(refund: Refund) -> tuple[int, int]:
    payment = PaymentIntent.objects.get(pk=refund.intent_id)
    return payment.amount_refund_pending, payment.amount_refunded


def test_up_to_the_limit_the_money_goes_back_at_once(gateway: FakeGateway, agent: User) -> None:
    refund = give_back(LIMIT, by=agent)

    assert refund.status == RefundStatus.SUCCEEDED
    assert sums(refund) == (0, 10_000)
    assert not Approval.objects.exists()


def test_ac_049f_above_the_limit_it_is_reserved_and_waits(
    gateway: FakeGateway, agent: User
) -> None:
    refund = give_back(LIMIT + 1, by=agent)

    assert (refund.status, refund.due_at) == (RefundStatus.REQUIRES_APPROVAL, None)
    assert sums(refund) == (10_001, 0)
    approval = Approval.objects.get()
    assert (approval.kind, approval.subject_id) == ("refund", refund.id)
    assert (approval.amount, approval.currency) == (10_001, "EUR")
    assert approval.requested_by == "staff:ana@shop.example"
    assert sweep_refunds(now=timezone.now() + timedelta(days=1)) == 0
    assert gateway.count("refund") == 0


def test_a_second_person_says_yes_and_the_money_goes_back(
    gateway: FakeGateway, agent: User, lead: User
) -> None:
    refund = give_back(20_000, by=agent)

    decide(approve, Approval.objects.get(), lead)
    sweep_refunds(now=timezone.now())

    refund.refresh_from_db()
    assert refund.status == RefundStatus.SUCCEEDED
    assert sums(refund) == (0, 20_000)
    assert gateway.count("refund") == 1
    told = Event.objects.filter(object_id=refund.id).order_by("sequence")
    assert [(event.sequence, event.object["status"]) for event in told] == [
        (1, "requires_approval"),
        (2, "pending"),
        (3, "succeeded"),
    ]


def test_a_second_person_says_no_and_the_money_is_free_again(
    gateway: FakeGateway, agent: User, lead: User
) -> None:
    refund = give_back(20_000, by=agent)

    decide(reject, Approval.objects.get(), lead)

    refund.refresh_from_db()
    assert refund.status == RefundStatus.CANCELED
    assert sums(refund) == (0, 0)
    assert gateway.count("refund") == 0


def test_silence_for_72_hours_is_a_no(gateway: FakeGateway, agent: User) -> None:
    refund = give_back(20_000, by=agent)

    expire_approvals(now=timezone.now() + timedelta(hours=72))

    refund.refresh_from_db()
    assert refund.status == RefundStatus.CANCELED
    assert sums(refund) == (0, 0)


def test_ac_049f_nobody_approves_their_own_refund(gateway: FakeGateway, lead: User) -> None:
    refund = give_back(20_000, by=lead)

    with pytest.raises(OwnRequest):
        decide(approve, Approval.objects.get(), lead)

    refund.refresh_from_db()
    assert refund.status == RefundStatus.REQUIRES_APPROVAL
    assert sums(refund) == (20_000, 0)


def test_a_refund_that_was_canceled_meanwhile_cannot_be_approved_but_its_request_ends(
    gateway: FakeGateway, agent: User, lead: User
) -> None:
    refund = give_back(20_000, by=agent)
    approval = Approval.objects.get()
    cancel_refund(
        scope=SCOPE, refund_id=refund.id, origin=Origin(actor=agent.actor), now=timezone.now()
    )

    with pytest.raises(IllegalTransition):
        decide(approve, approval, lead)
    decide(reject, approval, lead)

    approval.refresh_from_db()
    assert approval.status == ApprovalStatus.REJECTED
    assert sums(refund) == (0, 0)


@pytest.mark.parametrize(
    ("role", "currency", "limit"),
    [
        ("support_agent", "EUR", 10_000),
        ("support_agent", "JPY", 10_000),
        ("support_agent", "KWD", 100_000),
        ("finance_lead", "EUR", 1_000_000),
        ("auditor", "EUR", 0),
        ("", "EUR", 0),
    ],
)
def test_the_limit_follows_the_role_and_the_currency(role: str, currency: str, limit: int) -> None:
    setup_roles()

    assert refund_limit(staff(role=role, is_superuser=not role), currency) == limit
