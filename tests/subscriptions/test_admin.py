"""The back-office's screens of billing."""

import pytest
from django.test import Client

from apps.subscriptions.models import Subscription
from tests.backoffice.conftest import enter, superuser_client
from tests.factories.subscriptions import customer_with_card, invoices_of, price, subscribe
from tests.fake_gateway import FakeGateway

__all__ = ["enter", "superuser_client"]  # fixtures

pytestmark = pytest.mark.django_db


def test_a_subscription_shows_its_worth_its_invoices_and_the_next(
    superuser_client: Client, gateway: FakeGateway
) -> None:
    subscription = subscribe(customer_with_card(), price(1050), quantity=2)

    listed = superuser_client.get("/admin/subscriptions/subscription/")
    page = superuser_client.get(f"/admin/subscriptions/subscription/{subscription.id}/change/")

    assert subscription.id in listed.content.decode()
    text = page.content.decode()
    assert "21.00" in text
    assert "Upcoming invoice" in text
    assert "INV-000001" in text


def test_an_invoice_shows_its_lines(superuser_client: Client, gateway: FakeGateway) -> None:
    [invoice] = invoices_of(subscribe(customer_with_card(), price(1050)))

    listed = superuser_client.get("/admin/subscriptions/invoice/")
    page = superuser_client.get(f"/admin/subscriptions/invoice/{invoice.id}/change/")

    assert "INV-000001" in listed.content.decode()
    assert "1 x Gold" in page.content.decode()
    assert Subscription.objects.get().status == "active"
