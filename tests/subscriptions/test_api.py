"""Billing over the API: through the official Stripe SDK, and what is refused."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe
from django.utils import timezone

from apps.outbox.models import Event
from apps.subscriptions.models import InvoicePayment, Subscription
from apps.subscriptions.services.clocks import run_clocks
from tests.conftest import ApiClient
from tests.fake_gateway import FakeGateway, decline

JANUARY = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
FEBRUARY = int(datetime(2025, 2, 1, tzinfo=UTC).timestamp())


@pytest.fixture
def sdk(
    transactional_db: None, live_server: Any, secret_key: str, gateway: FakeGateway
) -> Iterator[stripe.StripeClient]:
    client = stripe.StripeClient(
        secret_key,
        base_addresses={"api": live_server.url},
        http_client=stripe.RequestsClient(),
        max_network_retries=0,
    )
    yield client
    stripe.default_http_client = None


def customer_with_card(sdk: stripe.StripeClient, **fields: Any) -> str:
    customer = sdk.v1.customers.create({"email": "ada@example.com", **fields})  # type: ignore[arg-type]
    method = sdk.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    sdk.v1.payment_methods.attach(method.id, {"customer": customer.id})
    sdk.v1.customers.update(
        customer.id, {"invoice_settings": {"default_payment_method": method.id}}
    )
    return customer.id


def monthly(sdk: stripe.StripeClient, amount: int = 1000) -> str:
    price = sdk.v1.prices.create(
        {
            "currency": "eur",
            "unit_amount": amount,
            "recurring": {"interval": "month"},
            "product_data": {"name": "Gold"},
        }
    )
    return price.id


def test_a_subscription_lives_through_the_sdk(sdk: stripe.StripeClient) -> None:
    customer = customer_with_card(sdk)
    made = sdk.v1.subscriptions.create(
        {
            "customer": customer,
            "items": [{"price": monthly(sdk), "quantity": 2}],
            "expand": ["latest_invoice"],
            "metadata": {"plan": "gold"},
        }
    )

    assert (made.status, made.metadata["plan"]) == ("active", "gold")
    invoice = made.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert (invoice.status, invoice.total, invoice.number) == ("paid", 2000, "INV-000001")
    assert invoice.parent is not None
    assert invoice.parent.subscription_details is not None
    assert invoice.parent.subscription_details.subscription == made.id
    item = made["items"].data[0]
    assert item.current_period_end - item.current_period_start in range(28 * 86400, 32 * 86400)

    shown = sdk.v1.invoices.create_preview(
        {
            "subscription": made.id,
            "subscription_details": {
                "items": [{"id": item.id, "quantity": 5}],
                "proration_behavior": "always_invoice",
            },
        }
    )
    assert shown.total in range(2990, 3001)
    changed = sdk.v1.subscriptions.update(
        made.id,
        {"items": [{"id": item.id, "quantity": 5}], "proration_behavior": "always_invoice"},
    )
    assert changed["items"].data[0].quantity == 5
    assert [row.status for row in sdk.v1.invoices.list({"subscription": made.id}).data] == [
        "paid", "paid",
    ]  # fmt: skip

    ending = sdk.v1.subscriptions.update(made.id, {"cancel_at_period_end": True})
    assert ending.cancel_at == changed["items"].data[0].current_period_end
    over = sdk.v1.subscriptions.cancel(made.id)
    assert over.status == "canceled"
    assert sdk.v1.subscriptions.list({"customer": customer}).data == []
    assert len(sdk.v1.subscriptions.list({"customer": customer, "status": "all"}).data) == 1


def test_default_incomplete_is_paid_by_the_payer(
    sdk: stripe.StripeClient, gateway: FakeGateway
) -> None:
    made = sdk.v1.subscriptions.create(
        {
            "customer": customer_with_card(sdk),
            "items": [{"price": monthly(sdk)}],
            "payment_behavior": "default_incomplete",
            "expand": ["latest_invoice.confirmation_secret"],
        }
    )

    assert made.status == "incomplete"
    assert gateway.captures == []
    invoice = made.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert invoice.confirmation_secret is not None
    assert invoice.confirmation_secret.client_secret.startswith("pi_")


def test_a_session_offers_a_trial_through_the_sdk(sdk: stripe.StripeClient) -> None:
    session = sdk.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "line_items": [{"price": monthly(sdk), "quantity": 2}],
            "subscription_data": {"trial_period_days": 14, "metadata": {"plan": "gold"}},
            "expand": ["line_items"],
        }
    )

    assert (session.amount_total, session.payment_status) == (0, "no_payment_required")
    assert session.line_items is not None
    assert [item.amount_total for item in session.line_items.data] == [0]
    assert (session.setup_intent, session.subscription) == (None, None)


def test_the_event_of_an_update_tells_what_was_before(sdk: stripe.StripeClient) -> None:
    made = sdk.v1.subscriptions.create(
        {"customer": customer_with_card(sdk), "items": [{"price": monthly(sdk)}]}
    )

    sdk.v1.subscriptions.update(made.id, {"metadata": {"plan": "gold"}, "description": "Gold"})

    latest = sdk.v1.events.list({"type": "customer.subscription.updated"}).data[0]
    previous = latest.data.previous_attributes
    assert previous is not None
    assert previous.to_dict() == {"metadata": {}, "description": None}


def test_a_refused_first_payment_with_error_if_incomplete(
    sdk: stripe.StripeClient, gateway: FakeGateway
) -> None:
    gateway.script = [decline("insufficient_funds")]

    with pytest.raises(stripe.CardError) as refusal:
        sdk.v1.subscriptions.create(
            {
                "customer": customer_with_card(sdk),
                "items": [{"price": monthly(sdk)}],
                "payment_behavior": "error_if_incomplete",
            }
        )

    assert refusal.value.error is not None
    assert refusal.value.error.decline_code == "insufficient_funds"
    assert Subscription.objects.get().status == "incomplete_expired"


def test_a_test_clock_moves_its_customers(sdk: stripe.StripeClient) -> None:
    clock = sdk.v1.test_helpers.test_clocks.create({"frozen_time": JANUARY, "name": "Year"})
    customer = customer_with_card(sdk, test_clock=clock.id)
    made = sdk.v1.subscriptions.create({"customer": customer, "items": [{"price": monthly(sdk)}]})
    assert made["items"].data[0].current_period_end == FEBRUARY

    moving = sdk.v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": FEBRUARY})
    assert moving.status == "advancing"
    while run_clocks(now=timezone.now()):
        pass

    assert sdk.v1.test_helpers.test_clocks.retrieve(clock.id).status == "ready"
    assert len(sdk.v1.invoices.list({"customer": customer}).data) == 2
    sdk.v1.test_helpers.test_clocks.delete(clock.id)
    assert sdk.v1.subscriptions.retrieve(made.id).status == "canceled"


def test_an_invoice_by_hand_is_finalized_paid_and_credited(
    sdk: stripe.StripeClient, gateway: FakeGateway
) -> None:
    customer = customer_with_card(sdk)
    sdk.v1.invoice_items.create({"customer": customer, "amount": 1500, "currency": "eur"})
    draft = sdk.v1.invoices.create(
        {"customer": customer, "pending_invoice_items_behavior": "include"}
    )
    assert (draft.status, draft.number, draft.total) == ("draft", None, 1500)
    sdk.v1.invoice_items.create(
        {"customer": customer, "invoice": draft.id, "amount": -500, "currency": "eur"}
    )

    final = sdk.v1.invoices.finalize_invoice(draft.id)
    assert (final.status, final.amount_due) == ("open", 1000)
    paid = sdk.v1.invoices.pay(draft.id)
    assert (paid.status, paid.amount_paid) == ("paid", 1000)
    assert [p.amount_captured for p in gateway.captures] == [1000]
    note = sdk.v1.credit_notes.create({"invoice": draft.id, "amount": 400})
    assert (note.status, note.number) == ("issued", "CN-000001")
    assert sdk.v1.customers.retrieve(customer).balance == -400
    with pytest.raises(stripe.InvalidRequestError):
        sdk.v1.credit_notes.create({"invoice": draft.id, "amount": 601})
    balance = sdk.v1.customers.balance_transactions.list(customer)
    assert [row.amount for row in balance.data] == [-400]


def test_an_open_invoice_is_voided_and_nobody_can_pay_it(
    sdk: stripe.StripeClient, gateway: FakeGateway
) -> None:
    customer = customer_with_card(sdk)
    sdk.v1.invoice_items.create({"customer": customer, "amount": 1500, "currency": "eur"})
    invoice = sdk.v1.invoices.create(
        {"customer": customer, "pending_invoice_items_behavior": "include"}
    )
    sdk.v1.invoices.finalize_invoice(invoice.id)
    gateway.script = [decline("insufficient_funds")]
    with pytest.raises(stripe.CardError):
        sdk.v1.invoices.pay(invoice.id)

    assert sdk.v1.invoices.void_invoice(invoice.id).status == "void"

    assert InvoicePayment.objects.get().status == "canceled"
    with pytest.raises(stripe.APIError):
        sdk.v1.invoices.pay(invoice.id)
    assert gateway.captures == []


def test_usage_is_reported_by_meter_events(sdk: stripe.StripeClient) -> None:
    meter = sdk.v1.billing.meters.create(
        {
            "display_name": "Calls",
            "event_name": "calls",
            "default_aggregation": {"formula": "sum"},
        }
    )
    price = sdk.v1.prices.create(
        {
            "currency": "eur",
            "unit_amount_decimal": "0.5",  # type: ignore[typeddict-item]
            "recurring": {"interval": "month", "usage_type": "metered", "meter": meter.id},
            "product_data": {"name": "Calls"},
        }
    )
    customer = customer_with_card(sdk)
    event = {
        "event_name": "calls",
        "payload": {"stripe_customer_id": customer, "value": "25"},
        "identifier": "one",
    }
    first = sdk.v1.billing.meter_events.create(event)  # type: ignore[arg-type]
    again = sdk.v1.billing.meter_events.create(event)  # type: ignore[arg-type]

    assert first.identifier == again.identifier == "one"
    assert price.recurring is not None
    assert price.recurring.usage_type == "metered"
    made = sdk.v1.subscriptions.create({"customer": customer, "items": [{"price": price.id}]})
    assert made.status == "active"


def test_coupons_tiers_and_products_through_the_sdk(sdk: stripe.StripeClient) -> None:
    sdk.v1.coupons.create({"id": "HALF", "percent_off": 50, "duration": "forever"})
    product = sdk.v1.products.create({"name": "Seats", "unit_label": "seat"})
    tiered = sdk.v1.prices.create(
        {
            "currency": "eur",
            "product": product.id,
            "billing_scheme": "tiered",
            "tiers_mode": "graduated",
            "tiers": [
                {"up_to": 5, "unit_amount": 700},
                {"up_to": "inf", "unit_amount": 600},
            ],
            "recurring": {"interval": "month"},
        }
    )

    made = sdk.v1.subscriptions.create(
        {
            "customer": customer_with_card(sdk),
            "items": [{"price": tiered.id, "quantity": 6}],
            "discounts": [{"coupon": "HALF"}],
            "expand": ["latest_invoice"],
        }
    )

    assert isinstance(made.latest_invoice, stripe.Invoice)
    assert made.latest_invoice.total == 2050
    coupon = sdk.v1.coupons.retrieve("HALF")
    assert (coupon.times_redeemed, coupon.percent_off) == (1, 50)
    assert sdk.v1.products.update(product.id, {"active": False}).active is False


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "params", "code", "param"),
    [
        ("/v1/prices", {"currency": "eur"}, "parameter_invalid", "product"),
        (
            "/v1/prices",
            {"currency": "eur", "product_data": {"name": "A"}},
            "parameter_invalid",
            "unit_amount",
        ),
        ("/v1/subscriptions", {"customer": "cus_1"}, "parameter_missing", "items"),
        (
            "/v1/subscriptions",
            {"customer": "cus_1", "items": [{"price": "price_1"}]},
            "resource_missing",
            "customer",
        ),
        (
            "/v1/subscriptions",
            {
                "customer": "cus_1",
                "items": [{"price": "price_1"}],
                "trial_end": 4_000_000_000,
                "trial_period_days": 14,
            },
            "parameter_invalid",
            "trial_end",
        ),
        ("/v1/invoices", {"customer": "cus_1"}, "resource_missing", "customer"),
        ("/v1/coupons", {"duration": "forever"}, "parameter_invalid", "percent_off"),
        ("/v1/dunning_policies", {"name": "A", "retry_days": [3, 1]}, "parameter_invalid",
         "retry_days"),
        ("/v1/customers", {"time_zone": "Mars/Olympus"}, "parameter_invalid", "time_zone"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    api: Any, path: str, params: dict[str, Any], code: str, param: str
) -> None:
    answer = api.post(path, params)

    assert (answer.status_code in {400, 404}, answer.json()["error"]["code"]) == (True, code)
    assert answer.json()["error"]["param"] == param


@pytest.mark.django_db
def test_there_is_one_default_dunning_policy(api: Any) -> None:
    first = api.post("/v1/dunning_policies", {"name": "Short", "is_default": True}).json()
    second = api.post("/v1/dunning_policies", {"name": "Long", "is_default": True}).json()

    shown = api.get("/v1/dunning_policies").json()["data"]
    assert {row["id"]: row["is_default"] for row in shown} == {
        first["id"]: False, second["id"]: True,
    }  # fmt: skip


def test_figures_tell_what_was_recovered_and_what_it_is_worth_a_month(
    sdk: stripe.StripeClient, api: ApiClient, gateway: FakeGateway
) -> None:
    customer, gold = customer_with_card(sdk), monthly(sdk)
    sdk.v1.subscriptions.create({"customer": customer, "items": [{"price": gold}]})
    gateway.script = [decline("insufficient_funds")]
    late = sdk.v1.subscriptions.create({"customer": customer, "items": [{"price": gold}]})
    sdk.v1.invoices.pay(str(late.latest_invoice))

    recovery = api.get("/v1/billing/recovery").json()
    revenue = api.get("/v1/billing/revenue").json()

    [euros] = recovery["currencies"]
    assert euros["recovered"] == {"count": 1, "amount": 1000}
    assert euros["recovered_by_step"] == [{"retries": 0, "count": 1, "amount": 1000}]
    assert (euros["rate"], euros["open"], euros["lost"]["count"]) == (
        "1.0", {"count": 0, "amount": 0}, 0,
    )  # fmt: skip
    assert revenue["current"] == [{"currency": "eur", "amount_decimal": "2000"}]
    [month] = revenue["months"]
    assert (month["new"], month["churn"], month["net"]) == ("2000", "0", "2000")
    refused = api.get("/v1/billing/revenue", {"start": FEBRUARY, "end": JANUARY})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "start")


def test_items_are_added_changed_and_taken_away_through_the_sdk(sdk: stripe.StripeClient) -> None:
    customer, gold, seats = customer_with_card(sdk), monthly(sdk), monthly(sdk, 300)
    made = sdk.v1.subscriptions.create({"customer": customer, "items": [{"price": gold}]})

    item = sdk.v1.subscription_items.create(
        {"subscription": made.id, "price": seats, "quantity": 2, "metadata": {"team": "a"}}
    )
    assert (item.price.id, item.quantity, item.subscription) == (seats, 2, made.id)
    changed = sdk.v1.subscription_items.update(item.id, {"quantity": 5, "metadata": {"seat": "b"}})
    assert (changed.quantity, changed.metadata["team"], changed.metadata["seat"]) == (5, "a", "b")
    assert sdk.v1.subscription_items.retrieve(item.id).quantity == 5
    found = sdk.v1.subscription_items.list({"subscription": made.id})
    assert [each.price.id for each in found.data] == [gold, seats]

    gone = sdk.v1.subscription_items.delete(item.id, {"proration_behavior": "none"})
    assert gone.deleted is True
    assert len(sdk.v1.subscription_items.list({"subscription": made.id}).data) == 1
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        sdk.v1.subscription_items.retrieve(item.id)
    assert refusal.value.code == "resource_missing"


def test_a_lookup_key_moves_to_another_price_only_when_told(api: Any) -> None:
    terms = {"currency": "eur", "unit_amount": 500, "product_data": {"name": "Plan"}}
    first = api.post("/v1/prices", {**terms, "lookup_key": "plan"}).json()

    refused = api.post("/v1/prices", {**terms, "lookup_key": "plan"})
    second = api.post(
        "/v1/prices", {**terms, "lookup_key": "plan", "transfer_lookup_key": True}
    ).json()
    lost = api.get(f"/v1/prices/{first['id']}").json()
    back = api.post(
        f"/v1/prices/{first['id']}", {"lookup_key": "plan", "transfer_lookup_key": True}
    ).json()

    assert refused.status_code == 400
    assert (second["lookup_key"], lost["lookup_key"], back["lookup_key"]) == ("plan", None, "plan")
    assert api.get(f"/v1/prices/{second['id']}").json()["lookup_key"] is None
    told = Event.objects.filter(object_id=first["id"]).order_by("sequence")
    assert [each.type for each in told] == ["price.created", "price.updated", "price.updated"]
