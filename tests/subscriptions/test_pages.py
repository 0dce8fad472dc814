"""The hosted invoice page."""

import pytest
from django.test import Client

from apps.subscriptions.services.invoices import create_invoice
from tests.factories.payments import SCOPE, TESTER
from tests.factories.subscriptions import (
    JANUARY,
    customer_with_card,
    invoices_of,
    price,
    subscribe,
)
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
    draft = create_invoice(
        scope=SCOPE, customer_id=customer_with_card().id, with_pending=False,
        fields={"currency": "EUR"},
        origin=TESTER, now=JANUARY,
    )  # fmt: skip

    assert client.get(f"/invoices/{draft.access_token}").status_code == 404
    assert client.get(f"/invoices/{draft.id}").status_code == 404
