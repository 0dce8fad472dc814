"""The books on the screen: money on its way to sellers, and an alarm when the books are wrong."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, expect

from apps.backoffice.services import setup_roles
from apps.payouts.models import Transfer
from tests.backoffice.house import House, furnish
from tests.browser.axe import assert_accessible
from tests.browser.staff import log_in, picture
from tests.fake_gateway import FakeGateway, use_gateways

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def house(settings: Any) -> Iterator[House]:
    gateway = FakeGateway()
    with use_gateways(settings, gateway):
        setup_roles()
        yield furnish(gateway)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    yield context.new_page()
    context.close()


def tamper() -> None:
    """Change a balance as somebody who owns the tables can, behind the guards' back."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_balance DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE ledger_balance SET debit_posted = debit_posted + 1 WHERE account_id ="
            " (SELECT min(id) FROM ledger_account WHERE code = 'gateway_clearing')"
        )
        cursor.execute("ALTER TABLE ledger_balance ENABLE TRIGGER USER")


def test_finance_follows_money_to_a_seller_and_is_alarmed_by_wrong_books(
    live_server: Any, page: Page, house: House
) -> None:
    log_in(page, live_server.url, role="finance_lead")

    page.goto(f"{live_server.url}/admin/payments/paymentorder/")
    page.click("text=order-1")
    expect(page.locator("body")).to_contain_text("The whole checkout")
    assert_accessible(page)
    picture(page, "payment-order", full=True)
    transfer = Transfer.objects.latest("id")
    page.goto(f"{live_server.url}/admin/payouts/transfer/")
    page.click(f"text={transfer.id}")
    expect(page.locator("body")).to_contain_text("Taken back")
    expect(page.locator("body")).to_contain_text("Transferred")
    assert_accessible(page)
    picture(page, "transfer", full=True)
    page.goto(f"{live_server.url}/admin/ledger/exchangerate/")
    expect(page.locator("#result_list")).to_contain_text("EUR/USD")
    picture(page, "exchange-rates")

    page.goto(f"{live_server.url}/admin/ledger/account/")
    expect(page.locator(".bo-card-alarm")).to_have_count(0)
    tamper()
    page.reload()

    expect(page.get_by_role("alert").first).to_have_text("Do not balance")
    expect(page.locator(".bo-card-alarm")).to_have_count(1)
    assert_accessible(page)
    picture(page, "wrong-books", full=True)
