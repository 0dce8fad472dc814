"""Disputes as finance works on them: the most urgent first, a draft, one submission."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.backoffice.services import setup_roles
from apps.disputes.models import Submission
from tests.backoffice.house import House, furnish
from tests.browser.test_backoffice import log_in, picture
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


def test_finance_answers_the_most_urgent_dispute_once(
    live_server: Any, page: Page, house: House, gateway: FakeGateway
) -> None:
    log_in(page, live_server.url, role="finance_lead")

    page.click("nav >> text=Disputes")
    page.click("text=Needs response >> nth=0")
    expect(page.locator("#result_list")).to_contain_text("6 days left")
    picture(page, "disputes")
    page.click(f"#result_list >> text={house.dispute.id}")
    expect(page.get_by_text("did not make this payment")).to_be_visible()
    picture(page, "dispute", full=True)

    page.click("text=Evidence…")
    expect(page.locator("textarea[name=customer_email_address]")).to_have_value("bob@payer.example")
    page.fill("textarea[name=customer_purchase_ip]", "203.0.113.7")
    picture(page, "dispute-evidence")
    page.click("text=Save the draft")
    expect(page.get_by_text("The draft is saved.")).to_be_visible()

    page.click("text=Submit evidence…")
    expect(page.locator("dd", has_text="Billing address")).to_be_visible()
    picture(page, "dispute-submit")
    page.check("input[name=is_final]")
    page.click("text=Submit for good")
    expect(page.get_by_text("The evidence is with the bank.")).to_be_visible()
    expect(page.locator("text=Submit evidence…")).to_have_count(0)
    picture(page, "dispute-answered", full=True)

    sent = gateway.evidence[house.dispute.gateway_reference]
    assert sent["customer_purchase_ip"] == "203.0.113.7"
    assert sent["access_activity_log"] == "Used."
    assert Submission.objects.count() == 1
