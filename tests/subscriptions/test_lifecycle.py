"""Trials, pauses, ends, and which arrow leaves which state."""

from datetime import timedelta

import pytest

from apps.common.fsm import IllegalTransition
from apps.customers.models import Customer
from apps.customers.services import delete_customer
from apps.outbox.models import Event
from apps.subscriptions.errors import SubscriptionNotPaused, SubscriptionsActive, TrialUsed
from apps.subscriptions.models import InvoiceItem, Subscription, SubscriptionItem
from apps.subscriptions.services.changes import ContractChange, ItemChange
from apps.subscriptions.services.subscriptions import (
    SubscriptionChange,
    cancel_subscription,
    pause_subscription,
    resume_subscription,
    update_subscription,
)
from apps.subscriptions.states import SubscriptionStatus
from apps.subscriptions.tasks import run_billing
from tests.factories.payments import SCOPE, TESTER
from tests.factories.subscriptions import (
    JANUARY,
    customer_with_card,
    day,
    invoices_of,
    price,
    product,
    subscribe,
)
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db


def row_of(subscription: Subscription) -> Subscription:
    return Subscription.objects.get(pk=subscription.id)


def history(object_id: str) -> list[str]:
    events = Event.objects.filter(object_id=object_id).order_by("sequence")
    return [event.type.removeprefix("customer.subscription.") for event in events]


def change(subscription: Subscription, now: object, **options: object) -> Subscription:
    return update_subscription(
        scope=SCOPE,
        subscription_id=subscription.id,
        change=SubscriptionChange(**options),  # type: ignore[arg-type]
        origin=TESTER,
        now=now,  # type: ignore[arg-type]
    )


def test_ac_037_a_trial_costs_nothing_and_then_the_cycle_begins(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000), trial_days=14)

    assert (subscription.status, subscription.trial_end) == ("trialing", day("2025-01-15"))
    [first] = invoices_of(subscription)
    assert (first.total, first.status) == (0, "paid")
    assert gateway.captures == []
    run_billing(now=day("2025-01-12"))
    assert history(subscription.id)[-1] == "trial_will_end"
    run_billing(now=day("2025-01-15"))

    row = row_of(subscription)
    assert (row.status, row.current_period_end) == ("active", day("2025-02-15"))
    assert [invoice.total for invoice in invoices_of(subscription)] == [0, 1000]


@pytest.mark.parametrize(
    ("action", "status", "totals"),
    [
        ("create_invoice", "active", [0, 1000]),
        ("cancel", "canceled", [0]),
        ("pause", "paused", [0]),
    ],
)
def test_ac_037_a_trial_that_ends_without_a_card(
    gateway: FakeGateway, action: str, status: str, totals: list[int]
) -> None:
    subscription = subscribe(
        customer_with_card(), price(1000), trial_days=2,
        fields={"missing_method_action": action},
    )  # fmt: skip
    Customer.objects.update(default_payment_method_id="")

    run_billing(now=JANUARY)
    run_billing(now=day("2025-01-03"))

    assert row_of(subscription).status == status
    assert [invoice.total for invoice in invoices_of(subscription)] == totals


def test_ac_037_a_change_within_a_trial_is_free(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000), trial_days=14)
    item = SubscriptionItem.objects.get(subscription=subscription)
    items = (ItemChange(item_id=item.id, price_id=price(5000).id),)

    change(subscription, day("2025-01-08"), contract=ContractChange(items=items))

    assert not InvoiceItem.objects.exists()
    run_billing(now=day("2025-01-12"))
    run_billing(now=day("2025-01-15"))
    assert [invoice.total for invoice in invoices_of(subscription)] == [0, 5000]


def test_ac_037_a_product_is_tried_once_per_customer(gateway: FakeGateway) -> None:
    customer, gold = customer_with_card(), product("Gold")
    subscribe(customer, price(1000, of=gold), trial_days=14)

    with pytest.raises(TrialUsed):
        subscribe(customer, price(2000, of=gold), trial_days=14)

    assert Subscription.objects.count() == 1
    subscribe(customer_with_card(), price(2000, of=gold), trial_days=14)
    subscribe(customer, price(2000, of=product("Silver")), trial_days=14)
    assert Subscription.objects.count() == 3


def test_ac_037_an_extension_moves_the_anchor_and_the_period(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000), trial_days=14)

    row = change(subscription, day("2025-01-10"), trial_end=day("2025-01-20"))

    assert (row.anchor, row.current_period_end) == (day("2025-01-20"), day("2025-01-20"))
    run_billing(now=day("2025-01-17"))
    run_billing(now=day("2025-01-20"))
    assert row_of(subscription).current_period_end == day("2025-02-20")
    assert len(invoices_of(subscription)) == 2


def test_ac_029_a_trial_of_thirty_days_ends_on_the_customers_wall_clock(
    gateway: FakeGateway,
) -> None:
    customer = customer_with_card(time_zone="America/Los_Angeles")

    subscription = subscribe(customer, price(1000), now=day("2017-03-02T07:30"), trial_days=30)

    assert subscription.trial_end == day("2017-04-01T06:30")


def test_ac_039_cancel_at_the_end_and_think_better_of_it(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000))

    row = change(subscription, day("2025-01-10"), fields={"cancel_at_period_end": True})
    assert row.canceled_at == day("2025-01-10")
    row = change(subscription, day("2025-01-20"), fields={"cancel_at_period_end": False})
    assert row.canceled_at is None
    run_billing(now=day("2025-02-01"))

    assert row_of(subscription).status == "active"
    assert [invoice.total for invoice in invoices_of(subscription)] == [1000, 1000]
    first, second = invoices_of(subscription)
    assert first.period_end == second.period_start


def test_cancel_at_the_end_of_the_period_bills_no_more(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000))
    change(subscription, day("2025-01-10"), fields={"cancel_at_period_end": True})

    run_billing(now=day("2025-02-01"))

    row = row_of(subscription)
    assert (row.status, row.ended_at, row.due_at) == ("canceled", day("2025-02-01"), None)
    assert len(invoices_of(subscription)) == 1
    assert history(subscription.id)[-1] == "deleted"


@pytest.mark.parametrize(
    ("behavior", "status"),
    [("void", "void"), ("mark_uncollectible", "uncollectible"), ("keep_as_draft", "draft")],
)
def test_paused_collection_makes_invoices_that_nobody_pays(
    gateway: FakeGateway, behavior: str, status: str
) -> None:
    subscription = subscribe(customer_with_card(), price(1000))
    resumes = day("2025-02-10")
    change(
        subscription,
        day("2025-01-10"),
        fields={"pause_behavior": behavior, "pause_resumes_at": resumes},
    )

    run_billing(now=day("2025-02-01"))
    assert invoices_of(subscription)[1].status == status
    run_billing(now=resumes)
    run_billing(now=day("2025-03-01"))

    assert row_of(subscription).pause_behavior == ""
    assert invoices_of(subscription)[2].status == "open"
    assert len(gateway.captures) == 1


def test_a_pause_bills_nothing_and_resuming_begins_a_new_cycle(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000))
    pause_subscription(
        scope=SCOPE, subscription_id=subscription.id, origin=TESTER, now=day("2025-01-20")
    )
    assert run_billing(now=day("2025-03-01")) == 0

    row = resume_subscription(
        scope=SCOPE,
        subscription_id=subscription.id,
        keeps_anchor=False,
        origin=TESTER,
        now=day("2025-03-10"),
    )

    assert (row.status, row.anchor) == ("active", day("2025-03-10"))
    assert [f"{i.period_start:%m-%d}" for i in invoices_of(subscription)] == ["01-01", "03-10"]
    assert len(gateway.captures) == 2


def test_only_a_paused_subscription_is_resumed(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000))

    with pytest.raises(SubscriptionNotPaused):
        resume_subscription(
            scope=SCOPE,
            subscription_id=subscription.id,
            keeps_anchor=False,
            origin=TESTER,
            now=JANUARY + timedelta(days=3),
        )

    assert len(invoices_of(subscription)) == 1


def test_a_customer_is_deleted_only_after_the_last_subscription(gateway: FakeGateway) -> None:
    customer = customer_with_card()
    subscription = subscribe(customer, price(1000))
    delete = {"scope": SCOPE, "customer_id": customer.id, "origin": TESTER, "now": JANUARY}

    with pytest.raises(SubscriptionsActive) as refusal:
        delete_customer(**delete)  # type: ignore[arg-type]
    assert refusal.value.context == {"customer": customer.id, "count": 1}
    assert Customer.objects.get(pk=customer.id).deleted_at is None

    cancel_subscription(scope=SCOPE, subscription_id=subscription.id, origin=TESTER, now=JANUARY)
    delete_customer(**delete)  # type: ignore[arg-type]
    assert Customer.objects.get(pk=customer.id).deleted_at == JANUARY


S = SubscriptionStatus
ARROWS = {
    "begin_trial": {S.INCOMPLETE, S.TRIALING, S.ACTIVE, S.PAST_DUE},
    "activate": {S.INCOMPLETE, S.TRIALING, S.ACTIVE, S.PAST_DUE, S.UNPAID, S.PAUSED},
    "fall_behind": {S.TRIALING, S.ACTIVE, S.PAST_DUE},
    "mark_unpaid": {S.ACTIVE, S.PAST_DUE},
    "pause": {S.TRIALING, S.ACTIVE, S.PAST_DUE},
    "cancel": {S.INCOMPLETE, S.TRIALING, S.ACTIVE, S.PAST_DUE, S.UNPAID, S.PAUSED},
    "expire": {S.INCOMPLETE},
}
ARGUMENTS: dict[str, dict[str, object]] = {
    "begin_trial": {"start": JANUARY, "end": JANUARY},
    "fall_behind": {"now": JANUARY},
    "cancel": {"now": JANUARY, "reason": "test"},
    "expire": {"now": JANUARY},
}


@pytest.mark.parametrize("arrow", ARROWS)
@pytest.mark.parametrize("status", S)
def test_ac_038_every_arrow_leaves_its_states_only(arrow: str, status: S) -> None:
    subscription = Subscription(status=status)
    step = getattr(subscription, arrow)

    if status in ARROWS[arrow]:
        step(**ARGUMENTS.get(arrow, {}))
    else:
        with pytest.raises(IllegalTransition):
            step(**ARGUMENTS.get(arrow, {}))
        assert subscription.status == status
