"""Deadlines of disputes under test clocks: a developer moves time, and the days pass in order."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from apps.customers.models import Customer
from apps.disputes.errors import DisputePastDue
from apps.disputes.models import Dispute
from apps.disputes.policies import EXPIRY_GRACE
from apps.disputes.services.evidence import save_evidence
from apps.disputes.services.sweeps import check_dispute
from apps.gateways.base import DisputeStage, DisputeState
from apps.outbox.models import Event
from apps.subscriptions.models import TestClock
from apps.subscriptions.services.clocks import advance_clock, create_clock, run_clocks
from tests.disputes.stories import balances, history, tell
from tests.factories.payments import SCOPE, TESTER, confirmed_intent
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

# Nowhere near the real time.
STANDS_AT = datetime.fromisoformat("2031-05-01T12:00:00+00:00")


@pytest.fixture
def clock() -> TestClock:
    return create_clock(
        scope=SCOPE, name="", frozen_time=STANDS_AT, origin=TESTER, now=timezone.now()
    )


def advance(clock: TestClock, **by: float) -> None:
    """Move the clock, and let it do what is due on the way."""
    clock.refresh_from_db()
    now = timezone.now()
    until = clock.frozen_time + timedelta(**by)
    advance_clock(scope=SCOPE, clock_id=clock.id, frozen_time=until, origin=TESTER, now=now)
    while run_clocks(now=now):
        pass
    clock.refresh_from_db()
    assert (clock.status, clock.frozen_time) == ("ready", until)


def disputed(
    gateway: FakeGateway, clock: TestClock, stage: DisputeStage = DisputeStage.CHARGEBACK
) -> Dispute:
    """Return a dispute of ten days of a customer on the clock."""
    now = timezone.now()
    customer = Customer.objects.create(
        merchant_id=SCOPE.merchant_id, livemode=False, test_clock_id=clock.id, created_at=now
    )
    confirmed_intent(customer_id=customer.id)
    payment = list(gateway.payments.values())[-1]
    return tell(
        gateway.open_dispute(payment, now=now, stage=stage, due_at=now + timedelta(days=10))
    )


def days_reminded(dispute: Dispute) -> list[int]:
    """Return of how many days before the deadline we reminded."""
    told = Event.objects.filter(object_id=dispute.id, type="charge.dispute.deadline_near")
    return [event.data["days"] for event in told.order_by("sequence")]


def test_ac_087_reminders_and_the_end_follow_the_clock(
    gateway: FakeGateway, clock: TestClock
) -> None:
    dispute = disputed(gateway, clock)
    reminded = []

    for _ in range(10):
        advance(clock, days=1)
        reminded.append(days_reminded(dispute))
    dispute.refresh_from_db()
    waiting = dispute.status
    advance(clock, minutes=6)

    dispute = Dispute.objects.get(pk=dispute.pk)
    assert reminded == [[], [], *[[7]] * 4, *[[7, 3]] * 2, *[[7, 3, 1]] * 2]
    assert (waiting, dispute.status, dispute.amount_lost) == ("needs_response", "expired", 1000)
    assert balances()["dispute_losses"] == 1000
    assert history(dispute)[-2:] == ["closed", "updated"]


def test_ac_087_one_long_step_reminds_each_time_before_the_dispute_expires(
    gateway: FakeGateway, clock: TestClock
) -> None:
    dispute = disputed(gateway, clock)

    advance(clock, days=30)

    assert days_reminded(dispute) == [7, 3, 1]
    assert Dispute.objects.get(pk=dispute.pk).status == "expired"


def test_ac_087_nothing_is_taken_after_the_deadline_on_the_clock(
    gateway: FakeGateway, clock: TestClock
) -> None:
    dispute = disputed(gateway, clock)
    advance(clock, days=10)

    with pytest.raises(DisputePastDue):
        save_evidence(
            scope=SCOPE,
            dispute_id=dispute.id,
            evidence={"customer_name": "Ada"},
            now=timezone.now(),
        )


def test_the_real_time_does_not_pass_on_the_clock(gateway: FakeGateway, clock: TestClock) -> None:
    dispute = disputed(gateway, clock)
    assert dispute.due_at is not None

    check_dispute(dispute_id=dispute.id, now=dispute.due_at + EXPIRY_GRACE)

    assert Dispute.objects.get(pk=dispute.pk).status == "needs_response"
    assert days_reminded(dispute) == []


def test_an_inquiry_is_reminded_of_and_left_to_the_bank(
    gateway: FakeGateway, clock: TestClock
) -> None:
    dispute = disputed(gateway, clock, DisputeStage.INQUIRY)

    advance(clock, days=30)

    assert days_reminded(dispute) == [7, 3, 1]
    assert Dispute.objects.get(pk=dispute.pk).status == "warning_needs_response"


def test_a_second_round_has_its_whole_time_however_far_the_clock_has_gone(
    gateway: FakeGateway, clock: TestClock
) -> None:
    dispute = disputed(gateway, clock)
    tell(gateway.win_dispute(dispute.gateway_reference))
    advance(clock, days=60)
    now = timezone.now()
    gateway.move_dispute(
        dispute.gateway_reference,
        stage=DisputeStage.PRE_ARBITRATION,
        state=DisputeState.NEEDS_RESPONSE,
        due_at=now + timedelta(days=10),
    )
    again = tell(gateway.move_funds(dispute.gateway_reference, -1000))

    advance(clock, days=9)
    assert (again.round, days_reminded(dispute)) == (2, [7, 3, 1])
    advance(clock, days=2)

    assert Dispute.objects.get(pk=dispute.pk).status == "expired"


def test_customers_on_no_clock_are_left_alone(gateway: FakeGateway, clock: TestClock) -> None:
    confirmed_intent()
    now = timezone.now()
    dispute = tell(gateway.open_dispute(next(iter(gateway.payments.values())), now=now))

    advance(clock, days=30)

    assert days_reminded(dispute) == []
    assert Dispute.objects.get(pk=dispute.pk).status == "needs_response"
