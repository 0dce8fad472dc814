"""Disputes as finance works on them: the most urgent first, a draft, one submission."""

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import APIResponse, Browser, Page, expect
from pypdf import PdfReader

from apps.disputes.content import MAX_BYTES
from apps.disputes.models import Dispute, DisputePolicy, Submission
from apps.disputes.services.record import record_dispute
from apps.disputes.services.standings import count_standings
from apps.gateways.base import DisputeState
from tests.backoffice.house import House
from tests.browser.axe import assert_accessible
from tests.browser.staff import log_in, picture, visit
from tests.disputes.stories import PERSON, paid
from tests.disputes.test_files import pdf
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    yield context.new_page()
    context.close()


def test_finance_answers_the_most_urgent_dispute_once(  # noqa: PLR0915 - one story, told in order
    live_server: Any, page: Page, house: House, gateway: FakeGateway, tmp_path: Path
) -> None:
    log_in(page, live_server.url, role="finance_lead")

    # The most urgent dispute is the first of those that wait.
    page.click("nav >> text=/^.*Disputes$/")
    page.click(".bo-tabs >> text=Needs response")
    expect(page.locator(".bo-tab-active .bo-count")).to_have_text("1")
    expect(page.locator("#result_list")).to_contain_text("6 days left")
    look(page, "disputes")
    page.click("#result_list tbody tr >> nth=0 >> code")
    expect(page.get_by_text("did not make this payment")).to_be_visible()
    look(page, "dispute", full=True)

    # The checklist is filled in, most of it by what is known already.
    page.click("text=Evidence…")
    expect(page.locator("textarea[name=customer_email_address]")).to_have_value("bob@payer.example")
    page.fill("textarea[name=customer_purchase_ip]", "203.0.113.7")
    look(page, "dispute-evidence")
    page.click("text=Save the draft")
    expect(page.get_by_text("The draft is saved.")).to_be_visible()

    # A file that is too large is refused by its size; the right one is taken.
    large, right = tmp_path / "large.pdf", tmp_path / "messages.pdf"
    large.write_bytes(b"%PDF-1.7" + b"0" * MAX_BYTES)
    right.write_bytes(pdf(2))
    page.click("text=Add a document…")
    page.select_option("select[name=field]", "customer_communication")
    page.set_input_files("input[name=file]", str(large))
    page.click("button >> text=Add the document")
    expect(page.get_by_role("alert")).to_contain_text("at most 5242880 (5 MiB) are taken")
    look(page, "dispute-too-large")
    page.select_option("select[name=field]", "customer_communication")
    page.set_input_files("input[name=file]", str(right))
    page.click("button >> text=Add the document")
    expect(page.get_by_text("messages.pdf is part of the draft: 2 page(s).")).to_be_visible()

    # The packet is previewed as the bank would get it.
    preview = page.get_by_role("link", name="What the bank would get (PDF)")
    shown = page.request.get(f"{live_server.url}{preview.get_attribute('href')}")
    assert shown.headers["content-type"] == "application/pdf"
    assert "sandbox" in shown.headers["content-security-policy"]
    text = "".join(each.extract_text() for each in PdfReader(BytesIO(shown.body())).pages)
    assert "203.0.113.7" in text
    assert "messages.pdf" in text

    # It is submitted, for good: only by somebody who has read it.
    page.click("text=Submit evidence…")
    expect(page.locator("dd", has_text="Billing address")).to_be_visible()
    look(page, "dispute-submit")
    page.click("text=Submit for good")
    expect(page.get_by_role("alert")).to_contain_text("This field is required")
    assert _craft(page, live_server.url, house, "submit-evidence").status == 422
    assert not Submission.objects.exists()
    page.check("input[name=is_final]")
    page.click("text=Submit for good")
    expect(page.get_by_text("The evidence is with the bank.")).to_be_visible()
    look(page, "dispute-answered", full=True)

    # A second submission is impossible, by button and by crafted POST.
    for button in ("Submit evidence…", "Evidence…", "Add a document…"):
        expect(page.locator(f"text={button}")).to_have_count(0)
    crafted = _craft(page, live_server.url, house, "submit-evidence", is_final="on")
    assert crafted.status == 422
    assert "was submitted already" in crafted.text()
    assert _craft(page, live_server.url, house, "evidence", customer_name="Eve").status == 422
    assert gateway.count("submit_evidence") == 1

    sent = gateway.evidence[house.dispute.gateway_reference]
    assert sent["customer_purchase_ip"] == "203.0.113.7"
    assert sent["access_activity_log"] == "Used."
    submission = Submission.objects.get()
    assert submission.packet is not None
    assert gateway.packets[house.dispute.gateway_reference] == bytes(submission.packet.content)
    expect(page.get_by_text(submission.sha256)).to_be_visible()


def test_disputes_are_handed_out_and_counted(live_server: Any, page: Page, house: House) -> None:
    log_in(page, live_server.url, role="finance_lead")
    count_standings(now=timezone.now())

    page.click("nav >> text=/^.*Disputes$/")
    page.check(f"input[type=checkbox][value={house.dispute.id}]")
    page.click("text=Assign several…")
    expect(page.locator("textarea[name=cases]")).to_have_value(house.dispute.id)
    picture(page, "disputes-assign")
    page.click("button >> text=/^Assign$/")
    expect(page.get_by_text(re.compile(r"Assigned to .*: 1\."))).to_be_visible()

    page.click("nav >> text=Dispute figures")
    expect(page.get_by_role("heading", name="Dispute figures").first).to_be_visible()


def test_figures_are_drawn_and_said(
    live_server: Any, page: Page, house: House, gateway: FakeGateway
) -> None:
    decided(gateway)
    count_standings(now=timezone.now())
    log_in(page, live_server.url, role="finance_lead")

    visit(page, "disputes/dispute/figures/")
    look(page, "dispute-figures", full=True)

    due, endings, rates, limits = (page.locator(".bo-chart").nth(place) for place in range(4))
    due.get_by_text("Numbers").click()
    deadline = house.dispute.due_at
    assert deadline is not None
    expect(due.get_by_role("row").filter(has_text=f"{deadline:%d %b}")).to_contain_text("1")
    endings.get_by_text("Numbers").click()
    this_month = endings.get_by_role("row").filter(has_text=f"{timezone.now():%Y-%m}")
    expect(this_month.get_by_role("cell")).to_have_text(["4", "2", "0"])
    expect(rates).to_contain_text("62.50 %, likely 45.25 to 77.07 % (20 of 32)")
    expect(limits).to_contain_text("Visa at the month's end")


def test_the_lead_gives_standing_orders(live_server: Any, page: Page, house: House) -> None:
    log_in(page, live_server.url, role="finance_lead")

    page.click("nav >> text=Standing orders")
    look(page, "dispute-orders-list")
    page.click("#result_list tbody tr >> nth=0 >> th a")
    page.click("text=Change the orders…")
    expect(page.locator("input[name=accept_below]")).to_have_value("EUR 5.00")
    page.fill("input[name=accept_below]", "EUR 15, USD 20.5x")
    page.click("button >> text=Give these orders")
    expect(page.get_by_role("alert")).to_be_visible()
    look(page, "dispute-orders-refused")
    page.fill("input[name=accept_below]", "EUR 15.00, USD 20.50")
    page.fill("input[name=refund_warnings_below]", "EUR 25")
    page.fill("input[name=buffer_hours]", "48")
    look(page, "dispute-orders-dialog")
    page.click("button >> text=Give these orders")

    expect(page.get_by_text("The orders stand.")).to_be_visible()
    expect(page.get_by_text("Refund fraud warnings below: EUR 25.00").first).to_be_visible()
    look(page, "dispute-orders", full=True)
    orders = DisputePolicy.objects.get(pk=house.orders.pk)
    assert (orders.accept_below, orders.buffer_hours) == ({"EUR": 1500, "USD": 2050}, 48)


def look(page: Page, name: str, *, full: bool = False) -> None:
    """Find no barrier, by day, by night and on a phone; keep a picture of each when asked for."""
    page.wait_for_load_state()
    size = page.viewport_size
    for scheme in ("dark", "light"):
        # As the switch in the menu does it; an open dialog stays open.
        page.evaluate("name => document.documentElement.className = name", scheme)
        assert_accessible(page)
        picture(page, f"{name}-{scheme}", full=full)
    page.set_viewport_size({"width": 320, "height": 720})
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    picture(page, f"{name}-phone", full=full)
    if size:
        page.set_viewport_size(size)


def decided(gateway: FakeGateway) -> None:
    """Let banks decide many disputes of the last months."""
    now = timezone.now()
    ends = [DisputeState.WON] * 20 + [DisputeState.LOST] * 12 + [DisputeState.PREVENTED] * 4
    reasons = ["fraudulent"] * 32 + ["duplicate"] * 4
    for place, (end, reason) in enumerate(zip(ends, reasons, strict=True)):
        _, payment = paid(gateway)
        opened = gateway.open_dispute(payment, now=now, reason=reason)
        record = partial(record_dispute, gateway="stripe_main", origin=PERSON, now=now)
        record(result=opened)
        closed = record(result=gateway.move_dispute(opened.reference, state=end))
        at = now - timedelta(days=30 * (place % 6))
        Dispute.objects.filter(pk=closed.pk).update(closed_at=at)


def _craft(page: Page, base: str, house: House, dialog: str, **answers: str) -> APIResponse:
    """Send what a dialog would send, without the dialog."""
    return page.request.post(
        f"{base}/admin/disputes/dispute/{house.dispute.id}/do/{dialog}/",
        form={
            "csrfmiddlewaretoken": _cookie(page, "csrftoken"),
            "nonce": str(uuid.uuid4()),
            **answers,
        },
        headers={"Referer": base},
    )


def _cookie(page: Page, name: str) -> str:
    return next(each["value"] for each in page.context.cookies() if each["name"] == name)
