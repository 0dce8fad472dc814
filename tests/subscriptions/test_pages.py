"""The hosted invoice page."""

import pytest
from django.test import Client

from apps.subscriptions.models import Invoice
from tests.factories.subscriptions import customer_with_card, invoices_of, price, subscribe
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db


def test_the_link_of_an_invoice_shows_it(client: Client, gateway: FakeGateway) -> None:
    customer = customer_with_card(name="Ada <b>")
    [invoice] = invoices_of(subscribe(customer, price(1050), quantity=2))

    page = client.get(f"/invoices/{invoice.access_token}")

    text = page.content.decode()
    assert page.status_code == 200
    assert "Invoice INV-000001" in text
    assert "21.00" in text
    assert "Ada &lt;b&gt;" in text
    assert page["Content-Security-Policy"].startswith("default-src 'none'")


def test_nobody_sees_drafts_or_guesses_links(client: Client, gateway: FakeGateway) -> None:
    [invoice] = invoices_of(subscribe(customer_with_card(), price(1050)))
    Invoice.objects.bulk_create(
        [
            Invoice(
                id="in_draft",
                merchant_id=invoice.merchant_id,
                livemode=False,
                created_at=invoice.created_at,
                customer=invoice.customer,
                billing_reason="manual",
                currency="EUR",
                collection_method="charge_automatically",
                period_start=invoice.period_start,
                period_end=invoice.period_end,
                access_token="draft",
            )
        ]
    )

    assert client.get("/invoices/draft").status_code == 404
    assert client.get("/invoices/in_draft").status_code == 404
