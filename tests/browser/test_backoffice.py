"""The back-office as a person uses it: log in with both factors, find a payment, refund it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.backoffice.services.people import invite_staff
from apps.gateways.base import RefundState
from apps.payments.models import PaymentIntent, Refund
from apps.payments.states import RefundStatus
from tests.backoffice.house import House
from tests.browser.staff import SCREENSHOTS, code_of, log_in, picture
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    yield page
    context.close()
    # A refused script or style says so here: the pages keep to their own policy.
    assert [said for said in complaints if "Content Security Policy" in said] == []


def test_support_finds_a_payment_refunds_it_and_sees_that_it_happened(
    live_server: Any, page: Page, house: House
) -> None:
    log_in(page, live_server.url, role="support_lead")
    expect(page.get_by_text("Work that waits")).to_be_visible()
    picture(page, "today")

    page.click("nav >> text=Payments >> nth=-1")
    expect(page.locator("#result_list")).to_contain_text(house.paid.id)
    picture(page, "payments")
    page.fill("#searchbar", house.paid.id)
    page.press("#searchbar", "Enter")
    expect(page.locator("#result_list tbody")).to_have_count(1)
    page.click(f"text={house.paid.id}")
    expect(page.locator(".bo-heading")).to_contain_text("10.50")
    picture(page, "payment", full=True)

    page.click("text=Refund…")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Can be refunded")
    expect(dialog.locator("input[name=amount]")).to_have_value("10.00")
    dialog.locator("input[name=amount]").fill("4.00")
    dialog.locator("textarea[name=reason]").fill("The parcel came late.")
    picture(page, "refund")
    with page.expect_navigation():
        dialog.get_by_role("button", name="Refund").click()

    expect(page.locator("body")).to_contain_text("4.00\u00a0EUR is on its way back to the payer")
    expect(page.locator(".bo-timeline li").first).to_contain_text("4.00\u00a0EUR refunded")
    expect(page.locator(".bo-timeline li").first).to_contain_text("support_lead@shop.example")
    picture(page, "refunded", full=True)
    assert PaymentIntent.objects.get(pk=house.paid.id).amount_refunded == 450


def test_a_refund_without_an_answer_is_unknown_and_never_failed(
    live_server: Any, page: Page, house: House, gateway: FakeGateway
) -> None:
    gateway.refund_state = RefundState.PENDING
    log_in(page, live_server.url, role="support_agent")
    page.goto(f"{live_server.url}/admin/payments/paymentintent/{house.paid.id}/change/")

    page.click("text=Refund…")
    dialog = page.get_by_role("dialog")
    dialog.locator("textarea[name=reason]").fill("They changed their mind.")
    with page.expect_navigation():
        dialog.get_by_role("button", name="Refund").click()

    expect(page.locator("body")).to_contain_text("Unknown, we are checking")
    expect(page.locator("body")).not_to_contain_text(re.compile("failed", re.IGNORECASE))
    assert Refund.objects.filter(status=RefundStatus.PENDING).count() == 1


def test_a_dialog_takes_the_focus_and_closes_with_escape(
    live_server: Any, page: Page, house: House
) -> None:
    log_in(page, live_server.url, role="support_lead")
    page.goto(f"{live_server.url}/admin/payments/paymentintent/{house.held.id}/change/")

    opener = page.get_by_role("link", name="Capture…")
    opener.click()
    expect(page.get_by_role("dialog").locator("input[name=amount]")).to_be_focused()
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()


def test_pictures_of_the_other_screens(live_server: Any, page: Page, house: House) -> None:
    if not SCREENSHOTS:
        pytest.skip("SCREENSHOTS names no folder")
    log_in(page, live_server.url, role="auditor")
    for name, path in {
        "trial-balance": "ledger/account/",
        "outbox": "outbox/message/",
        "deliveries": "webhooks/delivery/",
        "api-keys": "api/apikey/",
        "approvals": "backoffice/approval/?status__exact=pending",
        "staff": "backoffice/user/",
    }.items():
        page.goto(f"{live_server.url}/admin/{path}")
        picture(page, name)


def test_a_newcomer_enrols_an_app_and_keeps_recovery_codes(
    live_server: Any, page: Page, house: House
) -> None:
    _, password = invite_staff(email="ada@shop.example", name="Ada", role="auditor")
    page.goto(f"{live_server.url}/admin/")
    page.fill("input[name=username]", "ada@shop.example")
    page.fill("input[name=password]", password)
    with page.expect_navigation():
        page.click("#login-form button[type=submit]")
    expect(page.locator(".bo-qr svg")).to_be_visible()
    picture(page, "enrolment")

    secret = page.locator(".bo-help code").inner_text()
    page.fill("input[name=code]", code_of(secret))
    with page.expect_navigation():
        page.click("#second-factor-form button[type=submit]")
    expect(page.locator(".bo-codes li")).to_have_count(10)
    page.click("text=I have kept them")

    expect(page.get_by_text("Work that waits")).to_be_visible()
