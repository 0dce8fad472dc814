"""An export holds what the platform knows about one customer, of all apps, and of nobody else."""

import pytest

from apps.compliance.models import DataRequest, RequestKind
from apps.compliance.services import export
from tests.compliance.shop import Shop
from tests.conftest import ApiClient
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db


def test_an_export_holds_everything_of_all_apps(api: ApiClient, gateway: FakeGateway) -> None:
    shop = Shop(api)
    customer = shop.customer()
    method = shop.method(customer)
    intent = shop.payment(customer, method)
    shop.setup(customer)
    shop.session(customer)
    subscription = shop.subscription(customer, method)
    shop.dispute(intent, gateway)

    told = api.post(f"/v1/customers/{customer}/export").json()

    sections = told["sections"]
    assert (told["object"], told["customer"], told["left_out"]) == (
        "customer_export",
        customer,
        {},
    )
    assert sections["customer"][0]["email"] == "zerlina@canary.example"
    named = [row["billing_details"].get("name") for row in sections["payment_methods"]]
    assert "Zerlina Canary" in named
    assert intent in {row["id"] for row in sections["payments"]}
    assert sections["refunds"][0]["amount"] == 100
    assert sections["subscriptions"][0]["id"] == subscription
    assert sections["dispute_submissions"][0]["evidence"]["customer_name"] == "Zerlina Canary"
    assert {row["type"] for row in sections["events"]} > {
        "customer.created",
        "payment_intent.succeeded",
        "customer.subscription.created",
    }


def test_an_export_shows_no_secret(api: ApiClient, gateway: FakeGateway) -> None:
    shop = Shop(api)
    customer = shop.customer()
    shop.payment(customer, shop.method(customer))

    told = api.post(f"/v1/customers/{customer}/export").content.decode()

    for name in ("client_secret", "access_token", '"token"', '"digest"', "merchant_id"):
        assert name not in told


def test_an_export_is_of_one_customer_only(api: ApiClient, gateway: FakeGateway) -> None:
    shop = Shop(api)
    other = shop.customer()
    shop.payment(other, shop.method(other))
    customer = api.post("/v1/customers", {"email": "bob@example.com"}).json()["id"]

    sections = api.post(f"/v1/customers/{customer}/export").json()["sections"]

    filled = {name: len(rows) for name, rows in sections.items() if rows}
    assert filled == {"customer": 1, "events": 1}


def test_what_does_not_fit_is_counted(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MAX_ROWS", 1)
    customer = Shop(api).customer()

    told = api.post(f"/v1/customers/{customer}/export").json()

    assert len(told["sections"]["events"]) == 1
    assert told["left_out"] == {"events": 1}


def test_who_asked_is_noted_without_the_person(api: ApiClient) -> None:
    customer = Shop(api).customer()

    told = api.post(f"/v1/customers/{customer}/export").json()

    noted = DataRequest.objects.get()
    assert (noted.id, noted.kind, noted.customer_id) == (told["id"], RequestKind.EXPORT, customer)
    assert noted.actor.startswith("api:key_")
    assert noted.counts["customer"] == 1
    assert noted.finished_at is not None
