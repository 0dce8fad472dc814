"""The days of support, finance, risk and operations in the back-office, as a browser sees them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    expect,
)

from apps.backoffice.models import Approval, SavedView
from apps.fraud.models import Review
from apps.outbox.models import Message
from apps.payments.models import PaymentIntent, Refund
from apps.payments.states import RefundStatus
from apps.payouts.models import Payout
from apps.webhooks.models import WebhookEndpoint
from tests.backoffice.house import House
from tests.browser.axe import assert_accessible
from tests.browser.conftest import Enter
from tests.browser.staff import log_in, picture, visit
from tests.factories.payments import confirmed_intent

pytestmark = pytest.mark.django_db(transaction=True)

SMALLEST: ViewportSize = {"width": 320, "height": 640}


def open_payment(page: Page, house: House) -> None:
    visit(page, f"payments/paymentintent/{house.paid.id}/change/")


def fill_refund(page: Page, amount: str = "4.00") -> Any:
    page.click("text=Refund…")
    dialog = page.get_by_role("dialog")
    dialog.locator("input[name=amount]").fill(amount)
    dialog.locator("textarea[name=reason]").fill("The parcel came late.")
    return dialog


def refunded(house: House) -> int:
    return int(PaymentIntent.objects.get(pk=house.paid.id).amount_refunded)


# --- the walks --------------------------------------------------------------------------------


def test_support_finds_a_customer_s_payment_and_saves_the_view(enter: Enter, house: House) -> None:
    page = enter("support_lead")
    visit(page, "payments/paymentintent/")
    page.fill("#searchbar", house.customer.id)
    page.press("#searchbar", "Enter")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)

    page.click("text=Save view…")
    dialog = page.get_by_role("dialog")
    dialog.locator("input[name=name]").fill("Ada")
    with page.expect_navigation():
        dialog.get_by_role("button", name="Save").click()

    # With how many rows it has, which comes after the page.
    expect(page.locator(".bo-view")).to_have_text("Ada 1")
    assert SavedView.objects.get().query == f"q={house.customer.id}"
    page.click(f"text={house.paid.id}")
    expect(page.locator(".bo-heading")).to_contain_text("10.50")
    assert_accessible(page)


def test_support_asks_for_two_refunds_and_finance_approves_them(
    enter: Enter, house: House, context: BrowserContext
) -> None:
    other = confirmed_intent(amount=2500)
    page = enter("support_lead")
    visit(page, "payments/paymentintent/")
    page.get_by_label(f"Pick {house.paid.id}").check()
    page.get_by_label(f"Pick {other.id}").check()
    page.click("text=Refund several…")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("35.00\u00a0EUR")
    assert_accessible(page)
    picture(page, "bulk-refund")
    dialog.locator("textarea[name=reason]").fill("Sold out.")
    with page.expect_navigation():
        dialog.get_by_role("button", name="Ask for approval").click()
    expect(page.locator("body")).to_contain_text("2 refunds wait for a second person")

    context.clear_cookies()
    page = enter("finance_lead")
    visit(page, "backoffice/approval/?status__exact=pending")
    page.click("text=Several refunds at once")
    page.click("text=Approve…")
    with page.expect_navigation():
        page.get_by_role("dialog").get_by_role("button", name="Approve").click()

    expect(page.locator("body")).to_contain_text("Several refunds at once: approved.")
    assert Approval.objects.get(kind="bulk_refund").status == "approved"
    assert Refund.objects.filter(status=RefundStatus.PENDING).count() == 2


def test_finance_pays_a_seller_out_and_takes_the_list_home(enter: Enter, house: House) -> None:
    page = enter("finance")
    visit(page, f"payouts/seller/{house.seller.id}/change/")
    page.click("text=Pay out…")
    dialog = page.get_by_role("dialog")
    dialog.locator("input[name=amount]").fill("7.00")
    dialog.locator("textarea[name=reason]").fill("Asked by phone.")
    with page.expect_navigation():
        dialog.locator("button[type=submit]").click()
    assert Payout.objects.filter(amount=700).count() == 2

    visit(page, "payouts/payout/")
    page.click("text=Export…")
    with page.expect_navigation():
        page.get_by_role("dialog").get_by_role("button", name="Export").click()
    visit(page, "backoffice/export/")
    expect(page.locator("#result_list")).to_contain_text("Being made")
    assert_accessible(page)
    picture(page, "exports")


def test_risk_releases_a_payment_that_waited_for_review(enter: Enter, house: House) -> None:
    page = enter("risk")
    visit(page, "fraud/review/")
    expect(page.locator("#result_list tbody tr").first).to_be_visible()
    assert_accessible(page)
    visit(page, f"fraud/review/{house.review.id}/change/")
    page.click("text=Approve…")
    dialog = page.get_by_role("dialog")
    dialog.locator("textarea[name=reason]").fill("A regular customer.")
    with page.expect_navigation():
        dialog.locator("button[type=submit]").click()

    assert Review.objects.get(pk=house.review.pk).status != "open"


def test_operations_replays_a_dead_letter_and_disables_an_endpoint(
    enter: Enter, house: House
) -> None:
    page = enter("ops")
    visit(page, f"outbox/message/{house.dead_letter.pk}/change/")
    assert_accessible(page)
    page.click("text=/^(Replay|Send again)/")
    dialog = page.get_by_role("dialog")
    dialog.locator("textarea[name=reason]").fill("The reader is back.")
    with page.expect_navigation():
        dialog.locator("button[type=submit]").click()
    assert Message.objects.get(pk=house.dead_letter.pk).dead_at is None

    visit(page, f"webhooks/webhookendpoint/{house.endpoint.pk}/change/")
    page.click("text=Disable…")
    dialog = page.get_by_role("dialog")
    dialog.locator("textarea[name=reason]").fill("They asked.")
    with page.expect_navigation():
        dialog.locator("button[type=submit]").click()
    assert WebhookEndpoint.objects.get(pk=house.endpoint.pk).status == "disabled"


# --- for everybody ----------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_have_no_barriers(
    browser: Browser, live_server: Any, house: House, scheme: Any
) -> None:
    context = browser.new_context(
        viewport={"width": 1440, "height": 1000}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    log_in(page, live_server.url, role="finance_lead")
    base = f"{live_server.url}/admin"
    paths = [
        "/",
        "/payments/paymentintent/",
        f"/payments/paymentintent/{house.paid.id}/change/",
        "/payments/refund/",
        "/backoffice/approval/",
        "/ledger/account/",
        "/disputes/dispute/",
        "/payouts/seller/",
    ]
    for path in paths:
        page.goto(base + path)
        assert_accessible(page)
    open_payment(page, house)
    page.click("text=Refund…")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert_accessible(page)
    picture(page, f"refund-{scheme}")
    context.close()


def test_the_pages_fit_the_smallest_phone(browser: Browser, live_server: Any, house: House) -> None:
    context = browser.new_context(viewport=SMALLEST)
    page = context.new_page()
    log_in(page, live_server.url, role="support_lead")

    for path in (
        "/",
        "/payments/paymentintent/",
        f"/payments/paymentintent/{house.paid.id}/change/",
    ):
        page.goto(f"{live_server.url}/admin{path}")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= SMALLEST["width"], (path, wide)
    context.close()


def test_times_are_the_reader_s_with_utc_beside(
    browser: Browser, live_server: Any, house: House
) -> None:
    context = browser.new_context(timezone_id="Asia/Tokyo", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    log_in(page, live_server.url, role="support_lead")
    open_payment(page, house)

    shown = page.locator("time.bo-time").first
    at = datetime.fromisoformat(shown.get_attribute("datetime") or "")
    tokyo = at + timedelta(hours=9)

    expect(shown).to_have_text(f"{tokyo:%d %b %H:%M}")
    expect(shown).to_have_attribute("title", f"{at:%Y-%m-%d %H:%M:%S} UTC")
    context.close()
