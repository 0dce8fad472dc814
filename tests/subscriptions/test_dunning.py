"""Unpaid invoices: retries on days 1, 3, 5 and 7, once each, and what comes after."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from prometheus_client import REGISTRY

from apps.common.origin import CLOCK
from apps.customers.models import Customer
from apps.customers.services import update_customer
from apps.gateways.base import DeclineClass
from apps.outbox.models import Event
from apps.outbox.relay import drain as relay
from apps.payments.errors import CardDeclined
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.payments.services.intents import Confirmation, confirm_intent
from apps.subscriptions.handlers import on_customer_updated
from apps.subscriptions.models import (
    CollectionTry,
    DunningPolicy,
    Invoice,
    InvoicePayment,
    Subscription,
)
from apps.subscriptions.selectors import Times
from apps.subscriptions.services.catalog import create_row
from apps.subscriptions.services.collection import (
    claim_collections,
    claim_news,
    collect_invoice,
    settle_news,
)
from apps.subscriptions.services.dunning import has_access_to
from apps.subscriptions.services.invoices import (
    finalize_invoice,
    mark_uncollectible,
    pay_invoice,
    void_invoice,
)
from apps.subscriptions.tasks import run_billing, run_dunning
from apps.vault.models import PaymentMethod
from tests.factories.payments import SCOPE, TESTER
from tests.factories.subscriptions import (
    card_of,
    customer_with_card,
    day,
    invoices_of,
    price,
    subscribe,
)
from tests.fake_gateway import FakeGateway, challenge, decline

pytestmark = pytest.mark.django_db

NO_FUNDS = decline("insufficient_funds")
STOLEN = decline("stolen_card", DeclineClass.TERMINAL)
RENEWAL = day("2025-01-31T10:00")


def history(object_id: str) -> list[str]:
    events = Event.objects.filter(object_id=object_id).order_by("sequence")
    return [event.type for event in events]


def unpaid_renewal(gateway: FakeGateway, *lines: Any, **new: Any) -> Invoice:
    """Return the renewal invoice of 2025-01-31 10:00 after its first charge failed."""
    subscription = subscribe(customer_with_card(), price(1000), now=day("2024-12-31T10:00"), **new)
    run_billing(now=RENEWAL)
    gateway.script = list(lines) or [NO_FUNDS]
    return charge(invoices_of(subscription)[-1], RENEWAL)


def charge(invoice: Invoice, now: datetime) -> Invoice:
    return collect_invoice(invoice_id=invoice.id, origin=CLOCK, now=now)


def drain(*, now: datetime) -> None:
    """Relay the events, and record what they tell of intents."""
    relay(now=now)
    for news in claim_news(10):
        settle_news(news, now=now)


def tick(invoice: Invoice, now: datetime) -> Invoice:
    """Let the clock pass and the queue be worked off."""
    run_dunning(now=now)
    return charge(invoice, now)


def reload(invoice: Invoice) -> Invoice:
    return Invoice.objects.select_related("subscription", "customer").get(pk=invoice.pk)


def status_of(invoice: Invoice) -> str:
    return str(Subscription.objects.get(pk=invoice.subscription_id).status)


def tries(invoice: Invoice) -> list[str]:
    rows = CollectionTry.objects.filter(invoice=invoice).order_by("id")
    return [f"{row.tried_at:%m-%d %H:%M} {row.outcome}" for row in rows]


def test_ac_030_an_invoice_is_retried_on_days_1_3_5_7_and_then_canceled(
    gateway: FakeGateway,
) -> None:
    invoice = unpaid_renewal(gateway, *[NO_FUNDS] * 5)
    assert (invoice.next_payment_attempt, status_of(invoice)) == (
        day("2025-02-01T10:00"), "past_due",
    )  # fmt: skip

    for hour in range(1, 9 * 24):
        tick(invoice, RENEWAL + timedelta(hours=hour))

    assert tries(invoice) == [
        "01-31 10:00 failed",
        "02-01 10:00 failed",
        "02-03 10:00 failed",
        "02-05 10:00 failed",
        "02-07 10:00 failed",
    ]
    invoice = reload(invoice)
    assert (invoice.attempt_count, invoice.next_payment_attempt) == (5, None)
    assert history(invoice.id)[-1] == "dunning.exhausted"
    assert status_of(invoice) == "canceled"
    assert invoice.status == "open"
    assert len(gateway.captures) == 1


@pytest.mark.parametrize(
    ("action", "status"), [("unpaid", "unpaid"), ("pause", "paused"), ("cancel", "canceled")]
)
def test_ac_030_the_policy_says_what_happens_in_the_end(
    gateway: FakeGateway, action: str, status: str
) -> None:
    policy = create_row(
        DunningPolicy(name="Short", retry_days=[2], final_action=action),
        scope=SCOPE,
        origin=TESTER,
        now=RENEWAL,
    )
    invoice = unpaid_renewal(gateway, NO_FUNDS, NO_FUNDS, dunning_policy_id=policy.id)

    tick(invoice, day("2025-02-02T10:00"))

    assert status_of(invoice) == status


def test_ac_030_two_schedulers_retry_once(gateway: FakeGateway) -> None:
    invoice = unpaid_renewal(gateway, NO_FUNDS, NO_FUNDS, NO_FUNDS)

    assert run_dunning(now=day("2025-02-01T10:00")) == 1
    assert run_dunning(now=day("2025-02-01T10:00")) == 0
    charge(invoice, day("2025-02-01T10:00"))
    charge(invoice, day("2025-02-01T10:00"))

    assert tries(invoice) == ["01-31 10:00 failed", "02-01 10:00 failed"]


def test_ac_030_slots_missed_by_a_scheduler_that_was_down_make_one_retry(
    gateway: FakeGateway,
) -> None:
    invoice = unpaid_renewal(gateway, NO_FUNDS, NO_FUNDS)

    invoice = tick(invoice, day("2025-02-04T12:00"))

    assert tries(invoice) == ["01-31 10:00 failed", "02-04 12:00 failed"]
    assert (invoice.dunning_slot, invoice.next_payment_attempt) == (2, day("2025-02-05T10:00"))


def test_a_retry_that_succeeds_ends_the_schedule(gateway: FakeGateway) -> None:
    invoice = unpaid_renewal(gateway)

    invoice = tick(invoice, day("2025-02-01T10:00"))

    assert (invoice.status, invoice.next_payment_attempt) == ("paid", None)
    assert status_of(invoice) == "active"
    assert InvoicePayment.objects.get(invoice=invoice).status == "paid"
    assert len(gateway.captures) == 2
    for hour in range(30, 200):
        tick(invoice, RENEWAL + timedelta(hours=hour))
    assert len(gateway.captures) == 2


def test_what_came_of_each_step_is_counted_for_prometheus(
    gateway: FakeGateway, django_capture_on_commit_callbacks: Any
) -> None:
    def counted() -> list[float]:
        steps = [{"step": "0", "result": "failed"}, {"step": "1", "result": "recovered"}]
        return [REGISTRY.get_sample_value("pay_dunning_total", step) or 0.0 for step in steps]

    before = counted()

    with django_capture_on_commit_callbacks(execute=True):
        invoice = unpaid_renewal(gateway, NO_FUNDS)
        tick(invoice, RENEWAL + timedelta(days=1))

    assert reload(invoice).status == "paid"
    assert counted() == [before[0] + 1, before[1] + 1]


def test_ac_031_a_hard_decline_is_not_retried_while_the_schedule_counts(
    gateway: FakeGateway,
) -> None:
    invoice = unpaid_renewal(gateway, STOLEN)

    for days in (1, 3, 5):
        invoice = tick(invoice, RENEWAL + timedelta(days=days))
        assert status_of(invoice) == "past_due"
    tick(invoice, RENEWAL + timedelta(days=7))

    assert tries(invoice) == ["01-31 10:00 failed"]
    assert reload(invoice).attempt_count == 5
    assert status_of(invoice) == "canceled"


def test_ac_031_a_new_card_reopens_the_schedule(gateway: FakeGateway) -> None:
    invoice = unpaid_renewal(gateway, STOLEN)
    give_new_card(invoice)

    paid = tick(invoice, RENEWAL + timedelta(days=1))

    assert paid.status == "paid"
    assert status_of(invoice) == "active"


def give_new_card(invoice: Invoice) -> str:
    customer = Customer.objects.get(pk=invoice.customer_id)
    card = card_of(customer)
    update_customer(
        scope=SCOPE,
        customer_id=customer.id,
        changes={"default_payment_method_id": card.id},
        origin=TESTER,
        now=RENEWAL,
    )
    return card.id


def test_ac_032_a_new_default_card_is_charged_at_once_and_once(gateway: FakeGateway) -> None:
    invoice = unpaid_renewal(gateway, STOLEN, NO_FUNDS)
    drain(now=RENEWAL)
    give_new_card(invoice)

    drain(now=RENEWAL + timedelta(hours=5))
    event = Event.objects.get(type="customer.updated")
    on_customer_updated(event, now=RENEWAL + timedelta(hours=6))

    assert tries(invoice) == ["01-31 10:00 failed", "01-31 15:00 failed"]
    invoice = reload(invoice)
    assert (invoice.attempt_count, invoice.dunning_slot) == (1, 0)
    assert invoice.next_payment_attempt == day("2025-02-01T10:00")


def test_ac_032_a_payment_by_hand_takes_no_slot_away(gateway: FakeGateway) -> None:
    invoice = unpaid_renewal(gateway, NO_FUNDS, NO_FUNDS)
    intent_id = InvoicePayment.objects.get(invoice=invoice).intent_id

    confirm_intent(
        scope=SCOPE,
        intent_id=intent_id,
        confirmation=Confirmation(payment_method=invoice.customer.default_payment_method_id),
        origin=TESTER,
        now=RENEWAL + timedelta(hours=2),
    )
    drain(now=RENEWAL + timedelta(hours=2))

    invoice = reload(invoice)
    assert tries(invoice) == ["01-31 10:00 failed", "01-31 12:00 failed"]
    assert (invoice.attempt_count, invoice.dunning_slot) == (1, 0)
    assert invoice.next_payment_attempt == day("2025-02-01T10:00")


def test_ac_032_a_payer_who_pays_by_hand_ends_the_schedule(gateway: FakeGateway) -> None:
    invoice = unpaid_renewal(gateway)
    intent_id = InvoicePayment.objects.get(invoice=invoice).intent_id

    confirm_intent(
        scope=SCOPE,
        intent_id=intent_id,
        confirmation=Confirmation(payment_method=invoice.customer.default_payment_method_id),
        origin=TESTER,
        now=RENEWAL + timedelta(hours=2),
    )
    drain(now=RENEWAL + timedelta(hours=2))

    assert reload(invoice).status == "paid"
    assert status_of(invoice) == "active"
    assert run_dunning(now=RENEWAL + timedelta(days=1)) == 0


@pytest.mark.parametrize(
    ("tried_as", "fingerprint", "is_tried"),
    [
        ("the same method", "", False),
        ("another method", "fp_ada", False),
        ("another method", "", True),
    ],
)
def test_ac_034_a_card_at_its_schemes_cap_is_not_tried_however_often_it_is_saved(
    gateway: FakeGateway, tried_as: str, fingerprint: str, is_tried: bool
) -> None:
    invoice = unpaid_renewal(gateway, NO_FUNDS, NO_FUNDS)
    card = invoice.customer.default_payment_method_id
    if tried_as == "another method":
        card = card_of(invoice.customer).id
    PaymentMethod.objects.update(fingerprint=fingerprint)
    CollectionTry.objects.bulk_create(
        CollectionTry(invoice=invoice, payment_method_id=card, outcome="failed", tried_at=RENEWAL)
        for _ in range(14)
    )

    invoice = tick(invoice, day("2025-02-01T10:00"))

    assert CollectionTry.objects.filter(tried_at__gt=RENEWAL).exists() is is_tried
    assert (invoice.status, invoice.next_payment_attempt) == ("open", day("2025-02-03T10:00"))


def test_ac_035_an_invoice_that_is_paid_meanwhile_is_not_charged(gateway: FakeGateway) -> None:
    invoice = unpaid_renewal(gateway)
    run_dunning(now=day("2025-02-01T10:00"))
    assert reload(invoice).collect_at is not None
    charge(invoice, day("2025-02-01T10:00"))
    calls = gateway.count("create")

    charge(invoice, day("2025-02-01T10:01"))
    tick(invoice, day("2025-02-03T10:00"))

    assert gateway.count("create") == calls


@pytest.mark.parametrize(
    ("end", "status"), [(void_invoice, "void"), (mark_uncollectible, "uncollectible")]
)
def test_ac_035_a_queued_retry_of_an_invoice_that_was_taken_back_charges_nothing(
    gateway: FakeGateway, end: Callable[..., Invoice], status: str
) -> None:
    invoice = unpaid_renewal(gateway)
    retry_at = day("2025-02-01T10:00")
    run_dunning(now=retry_at)
    assert reload(invoice).collect_at is not None
    calls = gateway.count("create")

    end(scope=SCOPE, invoice_id=invoice.id, origin=TESTER, now=retry_at)
    charge(invoice, retry_at)
    for days in range(1, 8):
        tick(invoice, RENEWAL + timedelta(days=days))

    assert gateway.count("create") == calls
    assert reload(invoice).status == status
    assert tries(invoice) == ["01-31 10:00 failed"]


def unpaid_for_three_months(gateway: FakeGateway) -> list[Invoice]:
    """Return the open invoices of an unpaid subscription, the oldest first."""
    policy = create_row(
        DunningPolicy(name="Short", retry_days=[1], final_action="unpaid"),
        scope=SCOPE,
        origin=TESTER,
        now=RENEWAL,
    )
    first = unpaid_renewal(gateway, NO_FUNDS, NO_FUNDS, dunning_policy_id=policy.id)
    tick(first, day("2025-02-01T10:00"))
    assert status_of(first) == "unpaid"
    for month in ("2025-02-28T10:00", "2025-03-31T10:00"):
        run_billing(now=day(month))
    later = invoices_of(Subscription.objects.get(pk=first.subscription_id))[2:]
    # Nobody is charged while unpaid: these wait as drafts.
    assert [(row.status, row.collect_at) for row in later] == [("draft", None)] * 2
    for row in later:
        finalize_invoice(scope=SCOPE, invoice_id=row.id, origin=TESTER, now=row.period_start)
    return [reload(row) for row in (first, *later)]


def charged_invoices(gateway: FakeGateway) -> list[str]:
    """Return the invoices of which the gateway was asked to take the money, in its order."""
    attempts = [attempt_id for name, attempt_id in gateway.calls if name == "create"]
    intents = [PaymentAttempt.objects.get(pk=attempt_id).intent_id for attempt_id in attempts]
    return [InvoicePayment.objects.get(intent_id=intent_id).invoice_id for intent_id in intents]


def test_ac_036_the_payment_that_ends_being_unpaid_pays_the_oldest_first(
    gateway: FakeGateway,
) -> None:
    owed = unpaid_for_three_months(gateway)
    gateway.calls.clear()

    pay_invoice(scope=SCOPE, invoice_id=owed[2].id, origin=TESTER, now=day("2025-04-02"))

    assert charged_invoices(gateway) == [row.id for row in owed]
    assert [reload(row).status for row in owed] == ["paid"] * 3
    assert status_of(owed[0]) == "active"


def test_ac_036_what_is_newer_is_not_charged_when_the_oldest_is_refused(
    gateway: FakeGateway,
) -> None:
    owed = unpaid_for_three_months(gateway)
    gateway.calls.clear()
    gateway.script = [NO_FUNDS]

    with pytest.raises(CardDeclined):
        pay_invoice(scope=SCOPE, invoice_id=owed[2].id, origin=TESTER, now=day("2025-04-02"))

    assert charged_invoices(gateway) == [owed[0].id]
    assert [reload(row).status for row in owed] == ["open"] * 3
    assert status_of(owed[0]) == "unpaid"


def test_ac_036_past_due_is_served_for_the_grace(gateway: FakeGateway) -> None:
    invoice = unpaid_renewal(gateway)
    subscription = Subscription.objects.get(pk=invoice.subscription_id)
    last = RENEWAL + timedelta(days=7) - timedelta(seconds=1)

    assert has_access_to(subscription, Times(last, last))
    assert not has_access_to(subscription, Times(RENEWAL + timedelta(days=7), last))


def test_ac_095_a_bank_that_wants_its_customer_is_no_hard_decline(gateway: FakeGateway) -> None:
    invoice = unpaid_renewal(gateway, challenge(), NO_FUNDS)

    assert history(invoice.id)[2:] == [
        "invoice.payment_action_required",
        "dunning.attempt_scheduled",
    ]
    intent = InvoicePayment.objects.get(invoice=invoice).intent_id
    assert PaymentIntent.objects.get(pk=intent).status == "requires_action"
    assert reload(invoice).needs_new_method is False
    drain(now=RENEWAL)
    [message] = mail.outbox
    assert message.to == ["ada@example.com"]
    assert message.subject == "Please confirm your payment of €10.00"
    assert f"/invoices/{invoice.access_token}" in message.body
    # A hard decline would let the slot pass without a try.
    tick(invoice, day("2025-02-01T10:00"))
    assert tries(invoice) == ["01-31 10:00 requires_action", "02-01 10:00 failed"]


def test_a_worker_that_died_after_the_charge_is_taken_over_without_a_second_one(
    gateway: FakeGateway,
) -> None:
    subscription = subscribe(customer_with_card(), price(1000), now=day("2024-12-31T10:00"))
    run_billing(now=RENEWAL)
    invoice = invoices_of(subscription)[-1]
    calls = gateway.count("create")
    gateway.on_call = _die
    with pytest.raises(KeyboardInterrupt):
        charge(invoice, RENEWAL)
    gateway.on_call = None

    charge(reload(invoice), RENEWAL + timedelta(minutes=1))

    assert gateway.count("create") == calls + 1
    assert len(InvoicePayment.objects.filter(invoice=invoice)) == 1


def _die() -> None:
    raise KeyboardInterrupt


def test_a_customer_without_a_card_fails_without_the_gateway(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000), now=day("2024-12-31T10:00"))
    Customer.objects.update(default_payment_method_id="")
    run_billing(now=RENEWAL)
    calls = len(gateway.calls)

    invoice = charge(invoices_of(subscription)[-1], RENEWAL)

    assert (invoice.last_error or {})["code"] == "payment_method_missing"
    assert invoice.next_payment_attempt == day("2025-02-01T10:00")
    assert len(gateway.calls) == calls


def test_each_step_is_told_by_mail_with_a_link(gateway: FakeGateway) -> None:
    invoice = unpaid_renewal(gateway)

    drain(now=RENEWAL)

    [message] = mail.outbox
    assert message.to == ["ada@example.com"]
    assert message.subject == "Your payment of €10.00 failed"
    assert f"/invoices/{invoice.access_token}" in message.body
    assert "/invoices/card/" in message.body
    assert "We will try again on" in message.body


def test_mails_speak_the_customers_language_where_we_can(gateway: FakeGateway) -> None:
    invoice = unpaid_renewal(gateway)
    Customer.objects.filter(pk=invoice.customer_id).update(preferred_locales=["fr-FR", "de-AT"])

    drain(now=RENEWAL)

    [message] = mail.outbox
    assert message.subject == "Ihre Zahlung über 10,00\u00a0€ ist fehlgeschlagen"
    assert "Am 1. Februar 2025 versuchen wir es noch einmal." in message.body


def test_the_queue_gives_each_invoice_to_one_worker(gateway: FakeGateway) -> None:
    subscription = subscribe(customer_with_card(), price(1000), now=day("2024-12-31T10:00"))
    run_billing(now=RENEWAL)

    assert claim_collections(10) == [invoices_of(subscription)[-1].id]
    assert claim_collections(10) == []
