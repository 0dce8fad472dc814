"""What is billed once along with a subscription, and what somebody says who leaves."""

from typing import Any

import pytest

from apps.gateways.base import DeclineClass
from apps.subscriptions.models import Invoice, InvoiceItem, Subscription
from tests.conftest import ApiClient
from tests.fake_gateway import FakeGateway, decline

pytestmark = pytest.mark.django_db


def make_price(api: ApiClient, amount: int, **terms: Any) -> str:
    fields = {"currency": "eur", "unit_amount": amount, "product_data": {"name": "Plan"}, **terms}
    return str(api.post("/v1/prices", fields).json()["id"])


@pytest.fixture
def plan(api: ApiClient, gateway: FakeGateway) -> str:
    return make_price(api, 1000, recurring={"interval": "month"})


@pytest.fixture
def fee(api: ApiClient, gateway: FakeGateway) -> str:
    return make_price(api, 500, product_data={"name": "Setting up"})


@pytest.fixture
def payer(api: ApiClient, gateway: FakeGateway) -> str:
    customer = api.post("/v1/customers", {"email": "ada@payer.example"}).json()["id"]
    card = api.post("/v1/payment_methods/pm_card_visa/attach", {"customer": customer}).json()["id"]
    api.post(f"/v1/customers/{customer}", {"invoice_settings": {"default_payment_method": card}})
    return str(customer)


def subscribe(api: ApiClient, payer: str, plan: str, **more: Any) -> Any:
    return api.post("/v1/subscriptions", {"customer": payer, "items": [{"price": plan}], **more})


def lines_of(invoice: Invoice) -> list[tuple[str, int]]:
    return [(line.description, line.amount) for line in invoice.lines.order_by("position")]


def test_a_fee_is_on_the_first_invoice(api: ApiClient, payer: str, plan: str, fee: str) -> None:
    extra = {"price": fee, "quantity": 2, "metadata": {"shelf": "7"}}

    made = subscribe(api, payer, plan, add_invoice_items=[extra]).json()

    invoice = Invoice.objects.get(pk=made["latest_invoice"])
    assert (made["status"], invoice.status, invoice.total) == ("active", "paid", 2000)
    assert lines_of(invoice) == [("1 x Plan", 1000), ("Setting up", 1000)]
    item = InvoiceItem.objects.get()
    assert (item.invoice_id, item.quantity, item.metadata) == (invoice.id, 2, {"shelf": "7"})


def test_a_fee_is_paid_though_the_trial_is_free(
    api: ApiClient, payer: str, plan: str, fee: str, gateway: FakeGateway
) -> None:
    made = subscribe(
        api, payer, plan, trial_period_days=14, add_invoice_items=[{"price": fee}]
    ).json()

    invoice = Invoice.objects.get(pk=made["latest_invoice"])
    assert (made["status"], invoice.status, invoice.total) == ("trialing", "paid", 500)
    assert [payment.amount_captured for payment in gateway.captures] == [500]


def test_a_trial_whose_fee_is_refused_is_past_due(
    api: ApiClient, payer: str, plan: str, fee: str, gateway: FakeGateway
) -> None:
    gateway.script = [decline("insufficient_funds", DeclineClass.RETRYABLE)]

    made = subscribe(
        api, payer, plan, trial_period_days=14, add_invoice_items=[{"price": fee}]
    ).json()

    invoice = Invoice.objects.get(pk=made["latest_invoice"])
    assert (made["status"], invoice.status, invoice.amount_due) == ("past_due", "open", 500)
    assert gateway.captures == []


def test_a_fee_of_a_running_subscription_waits_for_its_next_invoice(
    api: ApiClient, payer: str, plan: str, fee: str, gateway: FakeGateway
) -> None:
    made = subscribe(api, payer, plan).json()

    api.post(f"/v1/subscriptions/{made['id']}", {"add_invoice_items": [{"price": fee}]})

    item = InvoiceItem.objects.get()
    assert (item.subscription_id, item.invoice_id, item.amount) == (made["id"], None, 500)
    assert Invoice.objects.count() == 1
    preview = api.post("/v1/invoices/create_preview", {"subscription": made["id"]}).json()
    assert preview["total"] == 1500


def test_a_fee_is_on_the_invoice_that_the_change_makes(
    api: ApiClient, payer: str, plan: str, fee: str, gateway: FakeGateway
) -> None:
    made = subscribe(api, payer, plan).json()

    changed = api.post(
        f"/v1/subscriptions/{made['id']}",
        {"billing_cycle_anchor": "now", "add_invoice_items": [{"price": fee}]},
    ).json()

    invoice = Invoice.objects.get(pk=changed["latest_invoice"])
    assert ("Setting up", 500) in lines_of(invoice)
    assert InvoiceItem.objects.get(price_id=fee).invoice_id == invoice.id


def test_the_first_invoice_can_be_seen_before_anybody_subscribes(
    api: ApiClient, payer: str, plan: str
) -> None:
    details = {"items": [{"price": plan, "quantity": 3}]}

    shown = api.post(
        "/v1/invoices/create_preview", {"customer": payer, "subscription_details": details}
    ).json()

    assert (shown["total"], shown["billing_reason"], shown["parent"]) == (
        3000, "subscription_create", None,
    )  # fmt: skip
    assert [line["description"] for line in shown["lines"]["data"]] == ["3 x Plan"]
    assert not Subscription.objects.exists()
    assert not Invoice.objects.exists()


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({}, "customer"),
        ({"customer": "cus_1"}, "customer"),
    ],
)
def test_a_preview_needs_to_know_of_what(
    api: ApiClient, params: dict[str, Any], param: str
) -> None:
    refused = api.post("/v1/invoices/create_preview", params)

    assert refused.status_code in {400, 404}
    assert refused.json()["error"]["param"] == param


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"recurring": {"interval": "month"}}, "parameter_invalid"),
        ({"currency": "usd"}, "currency_mismatch"),
    ],
)
def test_a_fee_that_does_not_fit_is_refused_and_nothing_begins(
    api: ApiClient, payer: str, plan: str, terms: dict[str, Any], code: str
) -> None:
    other = make_price(api, 500, **terms)

    refused = subscribe(api, payer, plan, add_invoice_items=[{"price": other}])

    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (
        400, code, "add_invoice_items",
    )  # fmt: skip
    assert not Subscription.objects.exists()
    assert not InvoiceItem.objects.exists()


def test_who_leaves_may_say_why(api: ApiClient, payer: str, plan: str) -> None:
    made = subscribe(api, payer, plan).json()
    path = f"/v1/subscriptions/{made['id']}"

    told = api.post(path, {"cancellation_details": {"feedback": "too_expensive"}}).json()
    left = api.delete(f"{path}?cancellation_details[comment]=Bye&invoice_now=true").json()

    assert told["cancellation_details"] == {
        "comment": None, "feedback": "too_expensive", "reason": None,
    }  # fmt: skip
    assert left["cancellation_details"] == {
        "comment": "Bye", "feedback": "too_expensive", "reason": "cancellation_requested",
    }  # fmt: skip
