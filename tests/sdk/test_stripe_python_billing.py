"""Stripe's own Python SDK, unmodified: products, prices, subscriptions, invoices, test clocks."""

import time
import uuid
from typing import Any

import pytest
import stripe
from django.utils import timezone

from apps.outbox.relay import drain
from apps.subscriptions.services.clocks import run_clocks
from apps.subscriptions.services.collection import claim_news, settle_news
from simulator.testing import RunningSimulator
from tests.live.environment import use_simulated_gateway

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

DAY = 24 * 60 * 60
START = 1_900_000_000


def payer(client: stripe.StripeClient, *, test_clock: str = "") -> str:
    """Return a customer whose card is charged by default."""
    on_clock: stripe.params.CustomerCreateParams = {"test_clock": test_clock} if test_clock else {}
    customer = client.v1.customers.create({"email": "ada@payer.example", **on_clock})
    card = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    client.v1.customers.update(
        customer.id, {"invoice_settings": {"default_payment_method": card.id}}
    )
    return customer.id


def monthly(client: stripe.StripeClient, amount: int = 1000) -> str:
    price = client.v1.prices.create(
        {
            "currency": "eur",
            "unit_amount": amount,
            "recurring": {"interval": "month"},
            "product_data": {"name": "Plan"},
        }
    )
    return price.id


def test_the_catalogue_is_made_changed_listed_and_taken_back(client: stripe.StripeClient) -> None:
    product = client.v1.products.create(
        {
            "name": "Plan",
            "default_price_data": {
                "currency": "eur",
                "unit_amount": 500,
                "recurring": {"interval": "month"},
            },
            "expand": ["default_price"],
        }
    )
    price = client.v1.prices.create(
        {"product": product.id, "currency": "eur", "unit_amount": 700, "lookup_key": "once"}
    )
    coupon = client.v1.coupons.create({"percent_off": 25, "duration": "once"})

    assert isinstance(product.default_price, stripe.Price)
    assert product.default_price.unit_amount == 500
    assert (price.type, price.recurring) == ("one_time", None)
    read = client.v1.prices.retrieve(price.id, {"expand": ["product"]})
    assert isinstance(read.product, stripe.Product)
    assert read.product.name == "Plan"
    assert client.v1.products.update(product.id, {"name": "Plan 2"}).name == "Plan 2"
    assert client.v1.products.retrieve(product.id).name == "Plan 2"
    assert client.v1.prices.update(price.id, {"active": False}).active is False
    assert [each.id for each in client.v1.prices.list({"lookup_keys": ["once"]}).data] == [price.id]
    dearer = client.v1.prices.create(
        {
            "product": product.id,
            "currency": "eur",
            "unit_amount": 800,
            "lookup_key": "once",
            "transfer_lookup_key": True,
        }
    )
    assert (dearer.lookup_key, client.v1.prices.retrieve(price.id).lookup_key) == ("once", None)
    assert [each.id for each in client.v1.products.list({"active": True}).data] == [product.id]
    assert client.v1.coupons.update(coupon.id, {"name": "Quarter"}).name == "Quarter"
    assert client.v1.coupons.retrieve(coupon.id).percent_off == 25
    assert [each.id for each in client.v1.coupons.list().data] == [coupon.id]
    assert client.v1.coupons.delete(coupon.id).deleted
    unsold = client.v1.products.create({"name": "Never sold"})
    assert client.v1.products.delete(unsold.id).deleted


def test_a_subscription_starts_with_a_paid_invoice(client: stripe.StripeClient) -> None:
    made = client.v1.subscriptions.create(
        {
            "customer": payer(client),
            "items": [{"price": monthly(client), "quantity": 2}],
            "expand": ["latest_invoice.payments.data.payment.payment_intent"],
        }
    )

    assert made.status == "active"
    invoice = made.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert (invoice.status, invoice.total, invoice.billing_reason) == (
        "paid",
        2000,
        "subscription_create",
    )
    assert invoice.parent is not None
    assert invoice.parent.subscription_details is not None
    assert invoice.parent.subscription_details.subscription == made.id
    assert invoice.payments is not None
    intent = invoice.payments.data[0].payment.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert intent.amount_received == 2000
    item = made["items"].data[0]
    assert item.current_period_end > item.current_period_start


def test_a_subscription_changes_pauses_and_ends(client: stripe.StripeClient) -> None:
    customer, dearer = payer(client), monthly(client, 3000)
    fee = client.v1.prices.create(
        {"currency": "eur", "unit_amount": 500, "product_data": {"name": "Setting up"}}
    )
    first = client.v1.invoices.create_preview(
        {"customer": customer, "subscription_details": {"items": [{"price": dearer}]}}
    )
    assert first.total == 3000
    made = client.v1.subscriptions.create(
        {
            "customer": customer,
            "items": [{"price": monthly(client)}],
            "add_invoice_items": [{"price": fee.id, "quantity": 2}],
            "expand": ["latest_invoice"],
        }
    )
    item = made["items"].data[0].id
    assert isinstance(made.latest_invoice, stripe.Invoice)
    assert made.latest_invoice.total == 2000

    preview = client.v1.invoices.create_preview(
        {
            "customer": customer,
            "subscription": made.id,
            "subscription_details": {"items": [{"id": item, "price": dearer}]},
        }
    )
    changed = client.v1.subscriptions.update(
        made.id, {"items": [{"id": item, "price": dearer}], "metadata": {"plan": "pro"}}
    )
    assert preview.total > 3000
    assert changed["items"].data[0].price.id == dearer
    pending = client.v1.invoice_items.list({"customer": customer, "pending": True}).data
    assert [each.amount > 0 for each in pending].count(True) == 1

    paused = client.v1.subscriptions.update(made.id, {"pause_collection": {"behavior": "void"}})
    assert paused.pause_collection is not None
    ending = client.v1.subscriptions.update(
        made.id, {"pause_collection": "", "cancel_at_period_end": True}
    )
    assert (ending.pause_collection, ending.cancel_at_period_end) == (None, True)
    with pytest.raises(stripe.APIError) as refusal:
        client.v1.customers.delete(customer)
    assert refusal.value.http_status == 409
    with pytest.raises(stripe.APIError) as running:
        client.v1.subscriptions.resume(made.id)
    assert running.value.http_status == 409
    left = client.v1.subscriptions.cancel(
        made.id, {"cancellation_details": {"feedback": "too_expensive"}}
    )
    assert left.cancellation_details is not None
    assert (left.status, left.cancellation_details.feedback) == ("canceled", "too_expensive")
    assert client.v1.subscriptions.list({"customer": customer}).data == []
    assert client.v1.subscriptions.retrieve(made.id).metadata["plan"] == "pro"
    assert client.v1.customers.delete(customer).deleted


def test_a_running_subscription_gets_a_coupon(client: stripe.StripeClient) -> None:
    made = client.v1.subscriptions.create(
        {"customer": payer(client), "items": [{"price": monthly(client)}]}
    )
    coupon = client.v1.coupons.create({"percent_off": 50, "duration": "forever"})

    given = client.v1.subscriptions.update(
        made.id, {"discounts": [{"coupon": coupon.id}], "expand": ["discounts"]}
    )
    # Said again it is the same discount, not another one.
    again = client.v1.subscriptions.update(made.id, {"discounts": [{"coupon": coupon.id}]})

    (discount,) = given.discounts
    assert isinstance(discount, stripe.Discount)
    assert again.discounts == [discount.id]
    assert client.v1.invoices.create_preview({"subscription": made.id}).total == 500
    assert client.v1.coupons.retrieve(coupon.id).times_redeemed == 1
    assert client.v1.subscriptions.update(made.id, {"discounts": ""}).discounts == []
    assert client.v1.subscriptions.retrieve(made.id).discounts == []


def test_items_of_a_subscription_come_change_and_go(client: stripe.StripeClient) -> None:
    made = client.v1.subscriptions.create(
        {"customer": payer(client), "items": [{"price": monthly(client)}]}
    )

    added = client.v1.subscription_items.create(
        {"subscription": made.id, "price": monthly(client, 100), "proration_behavior": "none"}
    )
    changed = client.v1.subscription_items.update(
        added.id, {"quantity": 3, "proration_behavior": "none"}
    )

    assert changed.quantity == 3
    assert client.v1.subscription_items.retrieve(added.id).quantity == 3
    assert len(client.v1.subscription_items.list({"subscription": made.id}).data) == 2
    assert client.v1.subscription_items.delete(added.id, {"proration_behavior": "none"}).deleted


def test_a_payer_confirms_the_first_invoice_of_an_incomplete_subscription(
    client: stripe.StripeClient,
) -> None:
    customer = client.v1.customers.create()
    made = client.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": monthly(client)}],
            "payment_behavior": "default_incomplete",
            "payment_settings": {"save_default_payment_method": "on_subscription"},
            "expand": ["latest_invoice.confirmation_secret"],
        }
    )
    assert made.status == "incomplete"
    assert isinstance(made.latest_invoice, stripe.Invoice)
    secret = made.latest_invoice.confirmation_secret
    assert secret is not None

    paid = client.v1.payment_intents.confirm(
        secret.client_secret.partition("_secret")[0], {"payment_method": "pm_card_visa"}
    )

    drain(now=timezone.now())
    for news in claim_news(10):
        settle_news(news, now=timezone.now())

    assert paid.status == "succeeded"
    running = client.v1.subscriptions.retrieve(made.id)
    assert running.status == "active"
    # What paid is kept for the customer, and pays the next invoice.
    assert running.default_payment_method == paid.payment_method
    (kept,) = client.v1.customers.payment_methods.list(customer.id).data
    assert kept.id == paid.payment_method


def test_an_invoice_by_hand_is_finalized_paid_and_credited(client: stripe.StripeClient) -> None:
    customer = payer(client)
    item = client.v1.invoice_items.create(
        {"customer": customer, "amount": 1400, "currency": "eur", "description": "Work"}
    )
    client.v1.invoice_items.update(item.id, {"amount": 1500, "metadata": {"hours": "3"}})
    assert client.v1.invoice_items.retrieve(item.id).amount == 1500
    gone = client.v1.invoice_items.create({"customer": customer, "amount": 1, "currency": "eur"})
    assert client.v1.invoice_items.delete(gone.id).deleted

    draft = client.v1.invoices.create(
        {"customer": customer, "pending_invoice_items_behavior": "include"}
    )
    client.v1.invoices.update(draft.id, {"description": "Thanks"})
    final = client.v1.invoices.finalize_invoice(draft.id)
    paid = client.v1.invoices.pay(draft.id)
    note = client.v1.credit_notes.create({"invoice": draft.id, "amount": 500})

    assert (draft.status, draft.total) == ("draft", 1500)
    assert (final.status, final.description) == ("open", "Thanks")
    assert final.hosted_invoice_url
    assert (paid.status, paid.amount_paid) == ("paid", 1500)
    assert client.v1.invoices.retrieve(draft.id).number == final.number
    (line,) = client.v1.invoices.line_items.list(draft.id).data
    assert (line.amount, line.description) == (1500, "Work")
    assert (note.status, note.total) == ("issued", 500)
    assert client.v1.credit_notes.update(note.id, {"memo": "Sorry"}).memo == "Sorry"
    assert client.v1.credit_notes.retrieve(note.id).memo == "Sorry"
    assert [each.id for each in client.v1.credit_notes.list({"invoice": draft.id}).data] == [
        note.id
    ]
    assert client.v1.customers.retrieve(customer).balance == -500
    (payment,) = client.v1.invoice_payments.list({"invoice": draft.id}).data
    assert (payment.status, payment.amount_paid) == ("paid", 1500)
    assert [each.id for each in client.v1.invoices.list({"status": "paid"}).data] == [draft.id]


def test_invoices_are_voided_written_off_and_paid_elsewhere(client: stripe.StripeClient) -> None:
    def open_invoice() -> str:
        customer = payer(client)
        client.v1.invoice_items.create({"customer": customer, "amount": 900, "currency": "eur"})
        draft = client.v1.invoices.create(
            {
                "customer": customer,
                "collection_method": "send_invoice",
                "days_until_due": 14,
                "pending_invoice_items_behavior": "include",
            }
        )
        return client.v1.invoices.finalize_invoice(draft.id).id

    credited = open_invoice()
    note = client.v1.credit_notes.create({"invoice": credited, "amount": 100})

    assert client.v1.credit_notes.void_credit_note(note.id).status == "void"
    assert client.v1.invoices.void_invoice(open_invoice()).status == "void"
    assert client.v1.invoices.mark_uncollectible(open_invoice()).status == "uncollectible"
    assert client.v1.invoices.pay(open_invoice(), {"paid_out_of_band": True}).status == "paid"
    draft = client.v1.invoices.create({"customer": payer(client), "currency": "eur"})
    assert client.v1.invoices.delete(draft.id).deleted


def test_a_customers_balance_changes_with_a_reason(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create().id

    change = client.v1.customers.balance_transactions.create(
        customer, {"amount": -500, "currency": "eur", "metadata": {"case": "7"}}
    )

    read = client.v1.customers.balance_transactions.retrieve(customer, change.id)
    assert (read.amount, read.ending_balance) == (-500, -500)
    assert read.metadata is not None
    assert read.metadata["case"] == "7"
    listed = client.v1.customers.balance_transactions.list(customer).data
    assert [each.id for each in listed] == [change.id]


def test_usage_is_metered(client: stripe.StripeClient) -> None:
    meter = client.v1.billing.meters.create(
        {
            "display_name": "Calls",
            "event_name": "calls",
            "default_aggregation": {"formula": "sum"},
        }
    )
    price = client.v1.prices.create(
        {
            "currency": "eur",
            "unit_amount": 2,
            "recurring": {"interval": "month", "usage_type": "metered", "meter": meter.id},
            "product_data": {"name": "Calls"},
        }
    )
    customer = payer(client)
    made = client.v1.subscriptions.create({"customer": customer, "items": [{"price": price.id}]})

    client.v1.billing.meter_events.create(
        {
            "event_name": "calls",
            "payload": {"stripe_customer_id": customer, "value": "25"},
            "identifier": uuid.uuid4().hex,
        }
    )

    preview = client.v1.invoices.create_preview({"subscription": made.id})
    assert preview.total == 50
    assert client.v1.billing.meters.retrieve(meter.id).event_name == "calls"
    assert [each.id for each in client.v1.billing.meters.list().data] == [meter.id]


def test_a_test_clock_renews(
    client: stripe.StripeClient, simulator: RunningSimulator, settings: Any
) -> None:
    use_simulated_gateway(settings, simulator)
    clock = client.v1.test_helpers.test_clocks.create({"frozen_time": START})
    made = client.v1.subscriptions.create(
        {
            "customer": payer(client, test_clock=clock.id),
            "items": [{"price": monthly(client)}],
        }
    )

    moved = client.v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": START + 33 * DAY})
    deadline = time.monotonic() + 30
    while client.v1.test_helpers.test_clocks.retrieve(clock.id).status != "ready":
        assert time.monotonic() < deadline
        run_clocks(now=timezone.now())

    assert moved.status == "advancing"
    invoices = client.v1.invoices.list({"subscription": made.id}).data
    assert [invoice.billing_reason for invoice in invoices] == [
        "subscription_cycle",
        "subscription_create",
    ]
    assert [each.id for each in client.v1.test_helpers.test_clocks.list().data] == [clock.id]
    assert client.v1.test_helpers.test_clocks.delete(clock.id).deleted
