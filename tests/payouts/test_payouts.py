"""A payout moves a wallet's money once, and brings it back when it fails."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.backoffice.models import Approval, User
from apps.backoffice.services import approve, reject
from apps.common.errors import ResourceMissing
from apps.common.origin import Scope
from apps.gateways.base import PayoutState
from apps.gateways.errors import GatewayNotSent, GatewayRejected, GatewayUnknown
from apps.ledger.models import JournalEntry
from apps.ledger.selectors import balance_of
from apps.outbox.history import find_differences
from apps.outbox.models import Event
from apps.payouts.errors import (
    PayoutAmountUneven,
    PayoutBelowMinimum,
    PayoutNotCancelable,
    SellerSuspended,
    SellerWithoutDestination,
    WalletTooEmpty,
)
from apps.payouts.models import Payout, Seller
from apps.payouts.selectors import get_seller
from apps.payouts.services.payouts import (
    approve_payout,
    cancel_payout,
    record_payout,
    run_payout,
    sweep_payouts,
)
from apps.payouts.services.schedules import run_schedules
from apps.payouts.services.sellers import resume_seller, suspend_seller
from apps.payouts.services.transfers import create_transfer
from tests.factories.payments import SCOPE, TESTER
from tests.factories.payouts import asked_payout, paid_seller, seller_of, wallet_of
from tests.fake_gateway import FakeGateway
from tests.races import race

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 16, 5, 0, tzinfo=UTC)


def kinds(source_id: str) -> list[str]:
    return sorted(entry.kind for entry in JournalEntry.objects.filter(source_id=source_id))


def balance(code: str, owner: str = "") -> int:
    return balance_of(scope=SCOPE, code=code, currency="EUR", owner=owner).posted


def reload(payout: Payout) -> Payout:
    return Payout.objects.get(pk=payout.id)


def finance(name: str) -> User:
    return User.objects.create_superuser(email=f"{name}@example.com", password="x" * 12)


def test_payout_holds_then_sends_then_is_paid(gateway: FakeGateway) -> None:
    seller = paid_seller(1000)

    payout = asked_payout(seller, 700)
    held = wallet_of(seller)
    sweep_payouts(now=timezone.now())

    assert (payout.status, held.available) == ("pending", 300)
    assert reload(payout).status == "paid"
    assert kinds(payout.id) == ["payout_held", "payout_paid", "payout_sent"]
    assert wallet_of(seller).available == 300
    assert balance("payouts_in_transit", seller.id) == 0
    assert balance("gateway_clearing", "stripe_main") == -700
    assert [(p.amount, p.payout_id) for p in gateway.payouts.values()] == [(700, payout.id)]
    assert list(find_differences()) == []


def test_payout_above_what_is_available_is_refused_and_leaves_no_trace(
    gateway: FakeGateway,
) -> None:
    seller = paid_seller(1000)
    asked_payout(seller, 700)

    with pytest.raises(WalletTooEmpty) as refusal:
        asked_payout(seller, 301)

    assert refusal.value.context == {"requested": 301, "available": 300}
    assert Payout.objects.count() == 1
    assert not Event.objects.filter(type="payout.created").exclude(
        object_id=Payout.objects.get().id
    )


def test_payout_waits_until_the_window_to_cancel_is_over(
    gateway: FakeGateway, settings: Any
) -> None:
    settings.PAYOUT_CANCEL_WINDOW_SECONDS = 10
    seller = paid_seller(1000)
    asked = timezone.now()
    payout = asked_payout(seller, 700, now=asked)

    assert sweep_payouts(now=asked + timedelta(seconds=9)) == 0
    canceled = cancel_payout(scope=SCOPE, payout_id=payout.id, origin=TESTER, now=asked)

    assert canceled.status == "canceled"
    assert wallet_of(seller).available == 1000
    assert kinds(payout.id) == ["payout_held", "payout_released"]
    assert sweep_payouts(now=asked + timedelta(minutes=1)) == 0
    assert gateway.count("payout") == 0


def test_payout_of_a_suspended_seller_waits_until_the_seller_is_resumed(
    gateway: FakeGateway,
) -> None:
    seller = paid_seller(1000)
    payout = asked_payout(seller, 700)
    suspend_seller(scope=SCOPE, seller_id=seller.id, origin=TESTER, now=timezone.now())

    assert sweep_payouts(now=timezone.now()) == 0
    assert (reload(payout).status, gateway.count("payout")) == ("pending", 0)

    resume_seller(scope=SCOPE, seller_id=seller.id, origin=TESTER, now=timezone.now())
    assert sweep_payouts(now=timezone.now()) == 1
    assert (reload(payout).status, gateway.count("payout")) == ("paid", 1)


def test_payout_that_is_on_its_way_arrives_whatever_becomes_of_its_seller(
    gateway: FakeGateway,
) -> None:
    seller = paid_seller(1000)
    payout = asked_payout(seller, 700)
    gateway.after = [GatewayUnknown("read timeout")]
    sweep_payouts(now=timezone.now())
    suspend_seller(scope=SCOPE, seller_id=seller.id, origin=TESTER, now=timezone.now())

    sweep_payouts(now=timezone.now() + timedelta(minutes=1))

    assert reload(payout).status == "paid"
    assert len(gateway.payouts) == 1


def test_payout_that_may_have_left_cannot_be_canceled(gateway: FakeGateway) -> None:
    seller = paid_seller(1000)
    payout = asked_payout(seller, 700)
    gateway.after = [GatewayUnknown("read timeout")]
    sweep_payouts(now=timezone.now())

    with pytest.raises(PayoutNotCancelable):
        cancel_payout(scope=SCOPE, payout_id=payout.id, origin=TESTER, now=timezone.now())

    assert reload(payout).status == "pending"
    assert wallet_of(seller).available == 300


def test_lost_answer_is_asked_for_again_with_the_same_key(gateway: FakeGateway) -> None:
    seller = paid_seller(1000)
    payout = asked_payout(seller, 700)
    gateway.after = [GatewayUnknown("read timeout")]

    sweep_payouts(now=timezone.now())
    sweep_payouts(now=timezone.now() + timedelta(minutes=1))

    assert reload(payout).status == "paid"
    assert gateway.count("payout") == 2
    assert len(gateway.payouts) == 1


def test_payout_never_sent_is_tried_again(gateway: FakeGateway) -> None:
    payout = asked_payout(paid_seller(1000), 700)
    gateway.before = [GatewayNotSent("connection refused")]

    sweep_payouts(now=timezone.now())
    assert reload(payout).status == "pending"
    sweep_payouts(now=timezone.now() + timedelta(minutes=1))

    assert reload(payout).status == "paid"


def test_lost_payout_is_looked_up_once_the_gateway_may_have_forgotten_the_key(
    gateway: FakeGateway,
) -> None:
    seller = paid_seller(1000)
    payout = asked_payout(seller, 700)
    gateway.before = [GatewayUnknown("read timeout")]
    sweep_payouts(now=timezone.now())

    sweep_payouts(now=timezone.now() + timedelta(hours=21))

    assert gateway.count("find_payout") == 1
    assert (reload(payout).status, reload(payout).failure_code) == ("failed", "never_received")
    assert wallet_of(seller).available == 1000


def test_refused_payout_gives_the_money_back(gateway: FakeGateway) -> None:
    seller = paid_seller(1000)
    payout = asked_payout(seller, 700)
    gateway.before = [GatewayRejected("no such bank account", code="account_closed")]

    sweep_payouts(now=timezone.now())

    failed = reload(payout)
    assert (failed.status, failed.failure_code) == ("failed", "account_closed")
    assert kinds(payout.id) == ["payout_held", "payout_released"]
    assert wallet_of(seller).available == 1000
    assert list(find_differences()) == []


def test_failure_on_the_way_gives_the_money_back(gateway: FakeGateway) -> None:
    gateway.payout_state = PayoutState.IN_TRANSIT
    seller = paid_seller(1000)
    payout = asked_payout(seller, 700)
    sweep_payouts(now=timezone.now())
    assert reload(payout).status == "in_transit"

    settle(gateway, payout, PayoutState.FAILED)

    assert reload(payout).status == "failed"
    assert kinds(payout.id) == ["payout_failed", "payout_held", "payout_sent"]
    assert wallet_of(seller).available == 1000


def settle(gateway: FakeGateway, payout: Payout, state: PayoutState) -> Payout:
    """Let the gateway's own books say so, and record it as its webhook would."""
    reference = f"po_fake_{payout.id}"
    code = "account_closed" if state == PayoutState.FAILED else ""
    gateway.payouts[reference] = replace(gateway.payouts[reference], state=state, failure_code=code)
    return record_payout(
        payout_id=payout.id,
        outcome=gateway.payouts[reference],
        origin=TESTER,
        now=timezone.now(),
    )


def test_ac_068_payout_that_fails_after_it_was_paid_returns_the_money(
    gateway: FakeGateway,
) -> None:
    seller = paid_seller(1000)
    payout = asked_payout(seller, 700)
    sweep_payouts(now=timezone.now())
    assert reload(payout).status == "paid"

    settle(gateway, payout, PayoutState.FAILED)
    settle(gateway, payout, PayoutState.FAILED)

    assert (reload(payout).status, reload(payout).failure_code) == ("failed", "account_closed")
    assert kinds(payout.id) == [
        "payout_held", "payout_paid", "payout_returned", "payout_sent",
    ]  # fmt: skip
    assert wallet_of(seller).available == 1000
    assert balance("gateway_clearing", "stripe_main") == 0
    assert [e.type for e in Event.objects.filter(object_id=payout.id).order_by("sequence")] == [
        "payout.created", "payout.in_transit", "payout.paid", "payout.failed",
    ]  # fmt: skip
    assert list(find_differences()) == []


def test_other_amount_at_the_gateway_moves_nothing(gateway: FakeGateway) -> None:
    gateway.payout_state = PayoutState.IN_TRANSIT
    payout = asked_payout(paid_seller(1000), 700)
    sweep_payouts(now=timezone.now())
    told = replace(gateway.payouts[f"po_fake_{payout.id}"], state=PayoutState.PAID, amount=7000)

    record_payout(payout_id=payout.id, outcome=told, origin=TESTER, now=timezone.now())

    assert reload(payout).status == "in_transit"
    assert "payout_paid" not in kinds(payout.id)


def test_payout_above_the_limit_waits_for_a_second_person(
    gateway: FakeGateway, settings: Any
) -> None:
    settings.PAYOUT_APPROVAL_LIMIT = Decimal(5)
    seller = paid_seller(1000)
    payout = asked_payout(seller, 501)
    waiting = Approval.objects.get(subject_id=payout.id)

    assert sweep_payouts(now=timezone.now() + timedelta(days=1)) == 0
    approve(approval_id=waiting.id, user=finance("ben"), origin=TESTER, now=timezone.now())
    sweep_payouts(now=timezone.now())

    assert (waiting.kind, waiting.amount, waiting.currency) == ("payout", 501, "EUR")
    assert (reload(payout).status, reload(payout).approved_by) == (
        "paid", "staff:ben@example.com",
    )  # fmt: skip
    assert list(find_differences()) == []


def test_rejected_payout_gives_the_money_back(gateway: FakeGateway, settings: Any) -> None:
    settings.PAYOUT_APPROVAL_LIMIT = Decimal(5)
    seller = paid_seller(1000)
    payout = asked_payout(seller, 501)
    waiting = Approval.objects.get(subject_id=payout.id)

    reject(
        approval_id=waiting.id, user=finance("ben"), note="No.", origin=TESTER, now=timezone.now()
    )

    assert reload(payout).status == "canceled"
    assert wallet_of(seller).available == 1000


def test_exactly_the_limit_needs_nobody(gateway: FakeGateway, settings: Any) -> None:
    settings.PAYOUT_APPROVAL_LIMIT = Decimal(5)

    assert asked_payout(paid_seller(1000), 500).needs_approval is False


def test_nobody_can_agree_to_their_own_payout(gateway: FakeGateway, settings: Any) -> None:
    settings.PAYOUT_APPROVAL_LIMIT = Decimal(5)
    payout = asked_payout(paid_seller(1000), 501)

    with pytest.raises(IntegrityError, match="payout_four_eyes"), transaction.atomic():
        approve_payout(payout_id=payout.id, by=TESTER.actor, origin=TESTER, now=timezone.now())

    assert reload(payout).approved_by == ""


def test_postgresql_refuses_to_send_what_nobody_agreed_to(
    gateway: FakeGateway, settings: Any
) -> None:
    settings.PAYOUT_APPROVAL_LIMIT = Decimal(5)
    payout = asked_payout(paid_seller(1000), 501)

    with pytest.raises(IntegrityError, match="payout_sent_only_when_approved"):
        Payout.objects.filter(pk=payout.id).update(sent_at=timezone.now())


@pytest.mark.parametrize(
    "silent",
    [
        "UPDATE payouts_payout SET status = 'paid', sent_at = now()",
        "UPDATE payouts_payout SET amount = 1",
    ],
)
def test_postgresql_refuses_a_change_without_its_event(gateway: FakeGateway, silent: str) -> None:
    asked_payout(paid_seller(1000), 700)
    flush_constraints()

    with connection.cursor() as cursor:
        cursor.execute(silent)
    with pytest.raises(IntegrityError, match="without an event"):
        flush_constraints()


def flush_constraints() -> None:
    """Let the deferred guards look now, as at the end of a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def test_suspended_seller_is_not_paid_out_until_resumed(gateway: FakeGateway) -> None:
    seller = paid_seller(1000)
    suspend_seller(scope=SCOPE, seller_id=seller.id, origin=TESTER, now=timezone.now())

    with pytest.raises(SellerSuspended):
        asked_payout(seller, 700)
    resume_seller(scope=SCOPE, seller_id=seller.id, origin=TESTER, now=timezone.now())

    assert asked_payout(seller, 700).status == "pending"


def test_seller_without_a_bank_account_is_not_paid_out(gateway: FakeGateway) -> None:
    with pytest.raises(SellerWithoutDestination):
        asked_payout(paid_seller(1000, payout_destination=""), 700)


def test_payout_below_the_sellers_minimum_is_refused(gateway: FakeGateway) -> None:
    seller = paid_seller(1000, schedule={"interval": "manual", "minimum_amount": 500})

    with pytest.raises(PayoutBelowMinimum) as refusal:
        asked_payout(seller, 499)

    assert refusal.value.context == {"requested": 499, "minimum": 500}
    assert asked_payout(seller, 500).amount == 500


@pytest.mark.parametrize("currency", ["HUF", "TWD"])
def test_ac_042_forints_and_taiwan_dollars_are_paid_out_in_whole_units(
    gateway: FakeGateway, currency: str
) -> None:
    seller = paid_seller(123_450, currency)

    with pytest.raises(PayoutAmountUneven):
        asked_payout(seller, 123_450, currency)

    assert not Payout.objects.exists()
    assert asked_payout(seller, 123_400, currency).amount == 123_400


def test_daily_schedule_pays_out_what_is_available_and_no_more(gateway: FakeGateway) -> None:
    seller = paid_seller(1000, now=MONDAY, schedule={"interval": "daily"})

    assert run_schedules(now=MONDAY + timedelta(minutes=59)) == 0
    assert run_schedules(now=MONDAY + timedelta(hours=1)) == 1
    assert run_schedules(now=MONDAY + timedelta(hours=1)) == 0

    payout = Payout.objects.get()
    assert (payout.amount, payout.automatic, payout.requested_by) == (1000, True, "clock")
    assert wallet_of(seller).available == 0
    assert run_schedules(now=MONDAY + timedelta(hours=25)) == 1
    assert Payout.objects.count() == 1


def test_weekly_schedule_waits_for_its_day(gateway: FakeGateway) -> None:
    paid_seller(1000, now=MONDAY, schedule={"interval": "weekly", "weekday": 2})

    assert run_schedules(now=MONDAY + timedelta(days=2)) == 0
    assert run_schedules(now=MONDAY + timedelta(days=2, hours=1)) == 1
    assert Payout.objects.get().amount == 1000


def test_schedule_leaves_a_wallet_below_the_minimum_alone(gateway: FakeGateway) -> None:
    paid_seller(999, now=MONDAY, schedule={"interval": "daily", "minimum_amount": 1000})

    run_schedules(now=MONDAY + timedelta(hours=1))

    assert not Payout.objects.exists()


def test_schedule_pays_each_currency_down_to_its_step(gateway: FakeGateway) -> None:
    seller = paid_seller(1000, now=MONDAY, schedule={"interval": "daily"})
    create_transfer(
        scope=SCOPE, seller_id=seller.id, amount=12_345, currency="HUF", origin=TESTER, now=MONDAY
    )

    run_schedules(now=MONDAY + timedelta(hours=1))

    paid = Payout.objects.order_by("currency").values_list("currency", "amount")
    assert list(paid) == [("EUR", 1000), ("HUF", 12_300)]
    assert wallet_of(seller, "HUF").available == 45


def test_other_mode_sees_no_seller(gateway: FakeGateway) -> None:
    seller = seller_of()

    with pytest.raises(ResourceMissing):
        get_seller(Scope(SCOPE.merchant_id, livemode=True), seller.id)


@pytest.mark.django_db(transaction=True)
def test_two_payouts_of_one_wallet_never_take_more_than_it_has(gateway: FakeGateway) -> None:
    seller = paid_seller(1000)
    press = partial(asked_payout, seller, 600)

    outcomes = race(Seller.objects.get(pk=seller.id), press, press)

    assert sorted(type(o).__name__ for o in outcomes) == ["Payout", "WalletTooEmpty"]
    assert wallet_of(seller).available == 400


@pytest.mark.django_db(transaction=True)
def test_canceling_and_canceling_again_together_releases_once(gateway: FakeGateway) -> None:
    seller = paid_seller(1000)
    payout = asked_payout(seller, 600)
    press = partial(
        cancel_payout, scope=SCOPE, payout_id=payout.id, origin=TESTER, now=timezone.now()
    )

    outcomes = race(payout, press, press)

    assert sorted(type(o).__name__ for o in outcomes) == ["Payout", "PayoutNotCancelable"]
    assert wallet_of(seller).available == 1000


def test_running_a_paid_payout_again_sends_nothing(gateway: FakeGateway) -> None:
    payout = asked_payout(paid_seller(1000), 700)
    sweep_payouts(now=timezone.now())

    run_payout(payout_id=payout.id, now=timezone.now())

    assert gateway.count("payout") == 1
