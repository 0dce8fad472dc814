"""Renewals that are alike are decided once and copied: each copy says what it says in full."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.outbox.models import Event, Message
from apps.subscriptions.models import Invoice, Subscription, SubscriptionItem
from apps.subscriptions.objects import render_invoice, render_subscription
from apps.subscriptions.selectors import list_lines, load_contract
from apps.subscriptions.services.balances import adjust_balance
from apps.subscriptions.services.changes import ItemChange
from apps.subscriptions.services.invoices import create_item
from apps.subscriptions.services.subscriptions import NewSubscription, create_subscription
from apps.subscriptions.tasks import run_billing
from tests.factories.payments import SCOPE, TESTER
from tests.factories.subscriptions import (
    JANUARY,
    coupon,
    customer_with_card,
    day,
    metered_price,
    price,
    subscribe,
)
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

PEOPLE: list[dict[str, Any]] = [
    {"name": "Ada", "email": "ada@example.com", "time_zone": "Europe/Berlin"},
    {"name": '100 % "Bob" \\ %1$s', "email": "", "time_zone": "Asia/Tokyo"},
    {"name": "", "email": "zoë@example.com", "time_zone": "America/New_York"},
    {"name": "Ada", "email": "ada@example.com", "phone": "+49 30 1", "time_zone": "Europe/Berlin"},
]
OWN: list[dict[str, Any]] = [
    {"metadata": {"user": "1"}, "description": ""},
    {"metadata": {}, "description": 'For 5 % and "more"'},
    {"metadata": {"a": "%s", "b": "\\n"}, "description": "x"},
    {"metadata": {"user": "4"}, "description": ""},
]


def renewed(subscription: Subscription) -> Invoice:
    rows = Invoice.objects.select_related("customer", "subscription__customer")
    return rows.get(subscription_id=subscription.id, billing_reason="subscription_cycle")


def last_event(object_id: str) -> Event:
    return Event.objects.filter(object_id=object_id).latest("sequence")


def subscribe_everybody() -> list[Subscription]:
    """Subscribe people who differ in all that those who are alike may differ in."""
    gold, seats = price(1999), price(333)
    made = []
    for number, (person, own) in enumerate(zip(PEOPLE, OWN, strict=True)):
        now = JANUARY + timedelta(hours=7 * number, seconds=number)
        new = NewSubscription(
            customer_id=customer_with_card(now=now, **person).id,
            items=(ItemChange(price_id=gold.id), ItemChange(price_id=seats.id, quantity=3)),
            fields=own,
        )
        row = create_subscription(scope=SCOPE, new=new, origin=TESTER, now=now)
        SubscriptionItem.objects.filter(subscription=row, price=seats).update(
            metadata={"seat": str(number)}
        )
        made.append(row)
    return made


def test_a_copy_says_what_its_rows_say(gateway: FakeGateway) -> None:
    everybody = subscribe_everybody()

    assert run_billing(now=day("2025-02-03")) == len(everybody)

    for made in everybody:
        subscription = Subscription.objects.get(pk=made.id)
        contract = load_contract(subscription)
        invoice = renewed(subscription)
        shown = render_subscription(subscription, contract.items, contract.discounts)
        assert last_event(subscription.id).object == shown
        assert last_event(invoice.id).object == render_invoice(invoice, list_lines(invoice))
        assert (invoice.total, invoice.status) == (1999 + 3 * 333, "open")
        assert invoice.period_start == made.current_period_end
        assert invoice.period_end == subscription.current_period_end == subscription.due_at
        assert subscription.latest_invoice_id == invoice.id


def test_the_draft_of_a_copy_differs_from_the_invoice_as_its_pattern_does(
    gateway: FakeGateway,
) -> None:
    everybody = subscribe_everybody()

    run_billing(now=day("2025-02-03"))

    for made in everybody:
        created, finalized = Event.objects.filter(object_id=renewed(made).id).order_by("sequence")
        assert (created.type, finalized.type) == ("invoice.created", "invoice.finalized")
        changed = {key for key in created.object if created.object[key] != finalized.object[key]}
        assert changed == {
            "effective_at", "ending_balance", "hosted_invoice_url", "invoice_pdf", "number",
            "status", "status_transitions",
        }  # fmt: skip
        assert (created.object["number"], created.object["hosted_invoice_url"]) == (None, None)
        assert (created.data["changes"]["number"], created.object["status"]) == (None, "draft")


def test_copies_are_numbered_without_gaps_and_their_events_queued(gateway: FakeGateway) -> None:
    everybody = subscribe_everybody()
    known = set(Message.objects.values_list("event_id", flat=True))

    run_billing(now=day("2025-02-03"))

    numbers = [renewed(made).number for made in everybody]
    assert sorted(filter(None, numbers)) == [f"INV-{number:06d}" for number in range(5, 9)]
    queued = Message.objects.exclude(event_id__in=known).order_by("id")
    for made in everybody:
        types = list(queued.filter(object_id=renewed(made).id).values_list("type", flat=True))
        assert types == ["invoice.created", "invoice.finalized"]
    assert queued.count() == 3 * len(everybody)


def test_the_statements_of_a_batch_do_not_grow_with_it(gateway: FakeGateway) -> None:
    counts = []
    for begin, people in (("2025-01-01", 3), ("2025-06-01", 9)):
        gold = price(1999, unit="year")
        for _ in range(people):
            subscribe(customer_with_card(), gold, now=day(begin))
        with CaptureQueriesContext(connection) as captured:
            assert run_billing(now=day(begin).replace(year=2026)) == people
        counts.append(len(captured))

    assert counts[0] == counts[1]


def test_whoever_has_something_of_their_own_is_renewed_for_themselves(
    gateway: FakeGateway,
) -> None:
    gold = price(1000)
    plain = [subscribe(customer_with_card(), gold) for _ in range(2)]
    discounted = subscribe(customer_with_card(), gold, coupons=(coupon().code,))
    metered = subscribe(customer_with_card(), gold, metered_price())
    five = subscribe(customer_with_card(), gold, quantity=5)
    with_item = subscribe(customer_with_card(), gold)
    create_item(
        scope=SCOPE, customer_id=with_item.customer_id,
        fields={"amount": 250, "currency": "EUR"}, origin=TESTER, now=JANUARY,
    )  # fmt: skip
    with_credit = subscribe(customer_with_card(), gold)
    adjust_balance(
        scope=SCOPE, customer_id=with_credit.customer_id, amount=-300, currency="EUR",
        origin=TESTER, now=JANUARY,
    )  # fmt: skip

    run_billing(now=day("2025-02-01"))

    due = [renewed(row).amount_due for row in (*plain, discounted, metered, five, with_item)]
    assert due == [1000, 1000, 500, 1000, 5000, 1250]
    assert renewed(with_credit).amount_due == 700
    assert renewed(with_credit).balance_applied == 300
