"""The pictures of docs/screens.md: `make pictures` takes them anew from the demo, always alike."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
import time_machine
from django.core.management import call_command
from playwright.sync_api import BrowserContext, Page, ViewportSize, expect

from apps.backoffice.services import setup_roles
from tests.backoffice.house import furnish
from tests.browser.staff import SCREENSHOTS, log_in, picture, visit
from tests.fake_gateway import FakeGateway, use_gateways

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.skipif(not SCREENSHOTS, reason="SCREENSHOTS names no folder"),
]

NOW: Final = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
SMALL: Final[ViewportSize] = {"width": 1280, "height": 800}

# Name of the picture -> the list; with `row` the page of its first row is taken instead.
LISTS: Final = {
    "payments": "payments/paymentintent/",
    "refunds": "payments/refund/",
    "disputes": "disputes/dispute/",
    "fraud-warnings": "disputes/fraudreport/",
    "dispute-figures": "disputes/dispute/figures/",
    "reconciliation-runs": "reconciliation/reconciliationrun/",
    "exceptions": "reconciliation/discrepancy/",
    "settlements": "reconciliation/settlement/",
    "payouts": "payouts/payout/",
    "trial-balance": "ledger/account/",
    "journal": "ledger/journalentry/",
    "sellers": "payouts/seller/",
    "subscriptions": "subscriptions/subscription/",
    "revenue": "subscriptions/revenuechange/",
    "dunning": "subscriptions/dunningpolicy/",
    "test-clocks": "subscriptions/testclock/",
    "reviews": "fraud/review/",
    "rules": "fraud/rule/",
    "lists": "fraud/valuelist/",
    "listed-values": "fraud/valuelistitem/",
    "endpoints": "webhooks/webhookendpoint/",
    "deliveries": "webhooks/delivery/",
    "outbox": "outbox/message/",
    "requests": "api/loggedrequest/",
    "api-keys": "api/apikey/",
    "routing": "gateways/routingrule/",
    "audit-trail": "backoffice/staffaction/",
    "approvals": "backoffice/approval/?status__exact=pending",
    "exports": "backoffice/export/",
    "staff": "backoffice/user/",
}
PAGES: Final = {
    "payment": "payments/paymentintent/?status__exact=succeeded",
    "dispute": "disputes/dispute/",
    "fraud-warning": "disputes/fraudreport/?since=nothing",
    "seller": "payouts/seller/",
    "subscription": "subscriptions/subscription/",
}
DASHBOARDS: Final = ("support_lead", "finance_lead", "risk_lead", "ops")


@pytest.fixture
def demo(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two months of a shop that ended at `NOW`, with the same ids each time."""
    ids = SimpleNamespace(randbits=random.Random(7).getrandbits)  # noqa: S311 - no secrets
    monkeypatch.setattr("apps.common.ids.secrets", ids)
    first, second = FakeGateway("stripe_main"), FakeGateway("adyen_main")
    with time_machine.travel(NOW, tick=False), use_gateways(settings, first, second):
        setup_roles()
        # What the demo's history has none of.
        furnish(first)
        call_command(
            "seed_demo", credentials=tmp_path / "c.json", payments=600, days=60, verbosity=0
        )
        yield


def test_pictures_of_all_screens(context: BrowserContext, live_server: Any, demo: None) -> None:
    page = context.new_page()
    page.set_viewport_size(SMALL)
    log_in(page, live_server.url, role="superuser")

    for name, path in LISTS.items():
        visit(page, path)
        picture(page, name)
    for name, path in PAGES.items():
        visit(page, path)
        page.locator("#result_list tbody tr a[href*='/change/']").first.click()
        expect(page.locator(".bo-heading")).to_be_visible()
        picture(page, name)
    context.clear_cookies()
    log_in(page, live_server.url, role="support_lead")
    take_refund(page)


def take_refund(page: Page) -> None:
    visit(page, "payments/paymentintent/?status__exact=succeeded")
    page.locator("#result_list tbody tr a[href*='/change/']").first.click()
    page.click("text=Refund…")
    expect(page.get_by_role("dialog")).to_contain_text("Can be refunded")
    picture(page, "refund")


@pytest.mark.parametrize("role", DASHBOARDS)
def test_pictures_of_the_first_page(
    context: BrowserContext, live_server: Any, demo: None, role: str
) -> None:
    page = context.new_page()
    page.set_viewport_size(SMALL)
    log_in(page, live_server.url, role=role)

    picture(page, f"today-{role.partition('_')[0]}", full=True)
