"""AC-49f: up to a limit alone, above it with a second person."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.backoffice.errors import OwnRequest
from apps.backoffice.models import Allowance, Approval, User
from apps.backoffice.policies import RefundLimits, allowance_units, limit_in_minor_units
from apps.backoffice.selectors import refund_limits
from apps.backoffice.services import approve, expire_approvals, reject, setup_roles
from apps.backoffice.states import ApprovalStatus
from apps.common.fsm import IllegalTransition
from apps.common.origin import Origin
from apps.outbox.models import Event
from apps.payments.errors import RefundExceedsCaptured
from apps.payments.models import PaymentIntent, Refund
from apps.payments.services.approvals import refund_by_staff
from apps.payments.services.refunds import cancel_refund
from apps.payments.services.sweeps import sweep_refunds
from apps.payments.states import RefundStatus
from tests.factories.backoffice import staff
from tests.factories.payments import SCOPE, confirmed_intent
from tests.fake_gateway import FakeGateway
from tests.races import race

pytestmark = pytest.mark.django_db

LIMIT = 10_000
LIMITS = RefundLimits(each=100, daily=250)


@pytest.fixture
def agent() -> User:
    setup_roles()
    return staff(email="ana@shop.example", role="support_agent")


@pytest.fixture
def lead(agent: User) -> User:
    return staff(email="lea@shop.example", role="support_lead")


def give_back(
    amount: int, *, by: User, payment: PaymentIntent | None = None, now: datetime | None = None
) -> Refund:
    payment = payment or confirmed_intent(amount=50_000)
    return refund_by_staff(
        scope=SCOPE,
        intent_id=payment.id,
        amount=amount,
        reason="requested_by_customer",
        note="They are right.",
        limits=LIMITS,
        origin=Origin(actor=by.actor),
        now=now or timezone.now(),
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


def test_ac_049f_slices_of_one_payment_count_together(gateway: FakeGateway, agent: User) -> None:
    payment = confirmed_intent(amount=50_000)

    slices = [give_back(4_000, by=agent, payment=payment) for _ in range(3)]

    assert [refund.status for refund in slices] == [
        RefundStatus.SUCCEEDED,
        RefundStatus.SUCCEEDED,
        RefundStatus.REQUIRES_APPROVAL,
    ]
    assert sums(slices[0]) == (4_000, 8_000)
    assert gateway.count("refund") == 2


def test_the_day_has_a_limit_over_all_payments_and_ends_at_midnight_utc(
    gateway: FakeGateway, agent: User, lead: User
) -> None:
    late = datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC)

    first, second = (give_back(10_000, by=agent, now=late) for _ in range(2))
    third = give_back(5_001, by=agent, now=late)
    fourth = give_back(5_000, by=agent, now=late)
    other = give_back(10_000, by=lead, now=late)
    tomorrow = give_back(10_000, by=agent, now=late + timedelta(seconds=1))

    assert [refund.status for refund in (first, second, fourth, other, tomorrow)] == [
        RefundStatus.SUCCEEDED
    ] * 5
    assert third.status == RefundStatus.REQUIRES_APPROVAL
    spent = Allowance.objects.get(actor=agent.actor, span="2026-11-20")
    assert (spent.spent, spent.most) == (250_000, 250_000)
    assert not Allowance.objects.filter(span=third.intent_id).exists()


def test_a_refund_that_is_refused_counts_nothing(gateway: FakeGateway, agent: User) -> None:
    payment = confirmed_intent(amount=1_000)

    with pytest.raises(RefundExceedsCaptured):
        give_back(1_001, by=agent, payment=payment)

    assert not Allowance.objects.exists()


def test_all_currencies_add_up_to_one_day() -> None:
    assert [
        allowance_units(*money) for money in ((10_000, "EUR"), (10_000, "JPY"), (100_000, "KWD"))
    ] == [100_000, 100_000, 100_000]
    assert allowance_units(1, "KWD") == 1


def test_postgresql_keeps_the_sum_below_the_limit(gateway: FakeGateway, agent: User) -> None:
    give_back(10_000, by=agent)

    with pytest.raises(IntegrityError, match="allowance_not_passed"), transaction.atomic():
        Allowance.objects.filter(actor=agent.actor).update(spent=250_001)


@pytest.mark.django_db(transaction=True)
def test_two_slices_sent_together_do_not_pass_the_limit(gateway: FakeGateway, agent: User) -> None:
    payment = confirmed_intent(amount=50_000)
    give_back(1_000, by=agent, payment=payment)
    day = Allowance.objects.exclude(span=payment.id).get()
    press = partial(give_back, 5_000, by=agent, payment=payment)

    outcomes = race(day, press, press)

    assert sorted(str(getattr(refund, "status", refund)) for refund in outcomes) == [
        "requires_approval",
        "succeeded",
    ]
    assert Allowance.objects.get(span=payment.id).spent == 60_000
    assert Allowance.objects.exclude(span=payment.id).get().spent == 60_000


@pytest.mark.django_db(transaction=True)
def test_many_payments_refunded_together_do_not_pass_the_day(
    gateway: FakeGateway, agent: User
) -> None:
    give_back(10_000, by=agent)
    day = Allowance.objects.get(spent=100_000, most=250_000)
    payments = [confirmed_intent(amount=50_000) for _ in range(4)]

    outcomes = race(day, *[partial(give_back, 9_000, by=agent, payment=row) for row in payments])

    assert sorted(str(getattr(refund, "status", refund)) for refund in outcomes) == [
        "requires_approval",
        "requires_approval",
        "requires_approval",
        "succeeded",
    ]
    day.refresh_from_db()
    assert day.spent == 190_000


@pytest.mark.parametrize(
    ("role", "limits"),
    [
        ("support_agent", RefundLimits(each=100, daily=500)),
        ("finance_lead", RefundLimits(each=10_000, daily=50_000)),
        ("auditor", RefundLimits(each=0, daily=0)),
        ("", RefundLimits(each=0, daily=0)),
    ],
)
def test_the_limits_follow_the_role(role: str, limits: RefundLimits) -> None:
    setup_roles()

    assert refund_limits(staff(role=role, is_superuser=not role)) == limits


@pytest.mark.parametrize(
    ("currency", "limit"), [("EUR", 10_000), ("JPY", 10_000), ("KWD", 100_000)]
)
def test_a_limit_follows_the_currency(currency: str, limit: int) -> None:
    assert limit_in_minor_units(100, currency) == limit
