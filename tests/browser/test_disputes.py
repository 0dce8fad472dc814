"""Disputes as finance works on them: the most urgent first, a draft, one submission."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from apps.backoffice.services import setup_roles
from apps.disputes.content import MAX_BYTES
from apps.disputes.models import Submission
from apps.disputes.services.standings import count_standings
from tests.backoffice.house import House, furnish
from tests.browser.staff import log_in, picture
from tests.disputes.test_files import pdf
from tests.fake_gateway import FakeGateway, use_gateways

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def gateway(settings: Any) -> Iterator[FakeGateway]:
    fake = FakeGateway()
    with use_gateways(settings, fake):
        yield fake


@pytest.fixture
def house(gateway: FakeGateway) -> House:
    setup_roles()
    return furnish(gateway)


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
    picture(page, "disputes")
    page.click("#result_list tbody tr >> nth=0 >> code")
    expect(page.get_by_text("did not make this payment")).to_be_visible()
    picture(page, "dispute", full=True)

    # The checklist is filled in, most of it by what is known already.
    page.click("text=Evidence…")
    expect(page.locator("textarea[name=customer_email_address]")).to_have_value("bob@payer.example")
    page.fill("textarea[name=customer_purchase_ip]", "203.0.113.7")
    picture(page, "dispute-evidence")
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
    picture(page, "dispute-too-large")
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

    # It is submitted, for good.
    page.click("text=Submit evidence…")
    expect(page.locator("dd", has_text="Billing address")).to_be_visible()
    picture(page, "dispute-submit")
    page.check("input[name=is_final]")
    page.click("text=Submit for good")
    expect(page.get_by_text("The evidence is with the bank.")).to_be_visible()
    picture(page, "dispute-answered", full=True)

    # A second submission is impossible, by button and by crafted POST.
    for button in ("Submit evidence…", "Evidence…", "Add a document…"):
        expect(page.locator(f"text={button}")).to_have_count(0)
    crafted = page.request.post(
        f"{live_server.url}/admin/disputes/dispute/{house.dispute.id}/do/submit-evidence/",
        form={
            "csrfmiddlewaretoken": _cookie(page, "csrftoken"),
            "nonce": "22222222-2222-4222-8222-222222222222",
            "is_final": "on",
        },
        headers={"Referer": live_server.url},
    )
    assert crafted.status == 422
    assert "was submitted already" in crafted.text()

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
    expect(page.locator("textarea[name=disputes]")).to_have_value(house.dispute.id)
    picture(page, "disputes-assign")
    page.click("button >> text=/^Assign$/")
    expect(page.get_by_text(re.compile(r"Assigned to .*: 1\."))).to_be_visible()

    page.click("nav >> text=Dispute figures")
    expect(page.get_by_role("heading", name="Dispute figures").first).to_be_visible()
    picture(page, "dispute-figures", full=True)


def _cookie(page: Page, name: str) -> str:
    return next(each["value"] for each in page.context.cookies() if each["name"] == name)
