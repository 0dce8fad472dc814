"""Billing as staff and customers see it: a plan change, the figures, an invoice, another card."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.subscriptions.models import Invoice, Subscription
from apps.subscriptions.services.cards import sign_link
from apps.subscriptions.services.invoices import pay_invoice
from tests.backoffice.house import House
from tests.browser.axe import assert_accessible
from tests.browser.staff import log_in, picture
from tests.browser.test_backoffice import page
from tests.factories.payments import SCOPE, TESTER
from tests.factories.subscriptions import customer_with_card, price, product, subscribe
from tests.fake_gateway import FakeGateway, decline

__all__ = ["page"]  # a fixture

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def book(gateway: FakeGateway) -> Subscription:
    """Return one subscription of a small book; two others failed, one of them paid later."""
    now = timezone.now() - timedelta(days=3)
    gold = product("Gold")
    plan = price(4900, of=gold)
    price(9900, of=gold)
    for is_paid in (True, False):
        gateway.script = [decline("insufficient_funds")]
        late = subscribe(customer_with_card(now=now, name="Grace Hopper"), plan, now=now)
        if is_paid:
            pay_invoice(
                scope=SCOPE, invoice_id=late.latest_invoice_id, origin=TESTER, now=timezone.now()
            )
    return subscribe(customer_with_card(now=now), plan, now=now, quantity=2)


def test_finance_changes_a_plan_after_seeing_what_follows(
    live_server: Any, page: Page, house: House, book: Subscription
) -> None:
    log_in(page, live_server.url, role="finance_lead")
    page.goto(f"{live_server.url}/admin/subscriptions/subscription/")
    expect(page.locator("#result_list")).to_contain_text("2 x Gold")
    picture(page, "subscriptions", full=True)

    page.goto(f"{live_server.url}/admin/subscriptions/subscription/{book.id}/change/")
    expect(page.locator(".bo-heading")).to_contain_text("98.00")
    picture(page, "subscription", full=True)
    page.click("text=Change plan…")
    dialog = page.get_by_role("dialog")
    dialog.locator("select[name=price]").select_option(label="Gold, 99.00\u00a0EUR")
    dialog.locator("textarea[name=reason]").fill("Asked for by mail.")
    dialog.get_by_role("button", name="Change the plan").click()
    form = page.locator(".bo-form")
    expect(form).to_contain_text("Look at the invoice above")
    expect(form).to_contain_text("Next invoice")
    picture(page, "subscription-change-plan")
    with page.expect_navigation():
        form.get_by_role("button", name="Change the plan").click()
    expect(page.locator(".bo-heading")).to_contain_text("198.00")

    for screen in ("dunningpolicy", "revenuechange"):
        page.goto(f"{live_server.url}/admin/subscriptions/{screen}/")
        expect(page.locator(".bo-figures")).to_be_visible()
        picture(page, f"billing-{screen}", full=True)
    page.goto(f"{live_server.url}/admin/subscriptions/dunningpolicy/")
    page.click("summary >> text=Mails to customers")
    expect(page.locator(".bo-mail").first).to_be_visible()
    picture(page, "billing-mails", full=True)


def test_developers_see_what_is_coming_on_a_clock(
    live_server: Any, page: Page, house: House
) -> None:
    log_in(page, live_server.url, role="developer")
    page.goto(f"{live_server.url}/admin/subscriptions/testclock/{house.clock.id}/change/")
    expect(page.locator(".bo-page")).to_contain_text("Renew")
    picture(page, "test-clock", full=True)


def test_a_customer_reads_the_invoice_and_finds_where_to_leave_a_card(
    live_server: Any, page: Page, book: Subscription
) -> None:
    invoice = Invoice.objects.get(status="open")

    page.goto(f"{live_server.url}/invoices/{invoice.access_token}")
    expect(page.get_by_role("heading", name="Invoice")).to_be_visible()
    assert_accessible(page)
    picture(page, "invoice", full=True)
    page.goto(f"{live_server.url}/invoices/card/{sign_link(invoice)}")
    expect(page.get_by_role("button")).to_contain_text("€49.00")
    assert_accessible(page)
    picture(page, "invoice-card", full=True)
