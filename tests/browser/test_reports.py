"""Finance reads the reports: picture, numbers, days, files, and the pack of a month."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, ViewportSize, expect

from apps.backoffice.models import Export
from apps.reconciliation.models import Settlement
from apps.reporting.models import MONTH_CLOSE, Forecast, ReportRun
from apps.reporting.reports import REPORTS
from tests.browser.axe import assert_accessible
from tests.browser.staff import picture, visit
from tests.factories.payments import SCOPE
from tests.reporting.history import GATEWAY, make_history

pytestmark = pytest.mark.django_db(transaction=True)

Enter = Callable[[str], Page]
NARROW: ViewportSize = {"width": 320, "height": 800}


@pytest.fixture
def history(house: Any) -> None:
    """Add 60 days to the house, and two weeks of forecasts that came more or less true."""
    now = timezone.now()
    make_history(now)
    for back in range(14):
        day = now.date() - timedelta(days=back)
        expected = 90_000 + 4_000 * (back % 5)
        Forecast.objects.create(
            merchant_id=SCOPE.merchant_id, livemode=False, gateway=GATEWAY, currency="EUR",
            made_on=day - timedelta(days=4), arrives_on=day, known=0, expected=expected,
            low=expected - 9_000, high=expected + 9_000,
        )  # fmt: skip
        Settlement.objects.create(
            merchant_id=SCOPE.merchant_id, livemode=False, gateway=GATEWAY, currency="EUR",
            reference=f"po_{back}", amount=expected + 3_000 * (back % 7 - 3), paid_on=day,
            created_at=now,
        )  # fmt: skip


def test_every_report_is_a_page_for_all_eyes_and_widths(history: None, enter: Enter) -> None:
    page = enter("finance_lead")
    visit(page, "reporting/reportrun/reports/")
    expect(page.locator(".bo-card")).to_have_count(len(REPORTS))
    assert_accessible(page)
    picture(page, "reports", full=True)

    for name, report in REPORTS.items():
        visit(page, f"reporting/reportrun/reports/?report={name}")
        expect(page.get_by_role("heading", name=report.title).first).to_be_visible()
        assert_accessible(page)
        picture(page, f"report-{name}", full=True)

    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(NARROW)
    for name in ("settlement.accuracy.1", MONTH_CLOSE):
        visit(page, f"reporting/reportrun/reports/?report={name}")
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        picture(page, f"narrow-{name}", full=True)


def test_finance_chooses_days_exports_and_keeps_a_report(history: None, enter: Enter) -> None:
    page = enter("finance")
    visit(page, "reporting/reportrun/reports/")
    page.click("text=Payments by day")
    day = timezone.now().date()
    page.fill("input[name=since]", str(day - timedelta(days=6)))
    page.fill("input[name=until]", str(day))
    page.click("button:has-text('Show')")
    expect(page.locator("rect.bo-bar")).to_have_count(7)

    page.click("text=Export report…")
    page.select_option("dialog select[name=file_format]", "pdf")
    page.click("dialog button[type=submit]")
    expect(page.locator("body")).to_contain_text("The file is being made")
    page.click("text=Keep as it is…")
    page.select_option("dialog select[name=file_format]", "xlsx")
    page.click("dialog button[type=submit]")
    expect(page.locator("body")).to_contain_text("is kept")

    export, run = Export.objects.get(), ReportRun.objects.get(file_format="xlsx")
    assert (export.source, export.format) == ("payments.by_day.1", "pdf")
    assert f"since={day - timedelta(days=6)}" in export.query
    assert (run.file_format, run.is_draft) == ("xlsx", False)
    visit(page, "reporting/reportrun/")
    page.click(f"text={run.file_name}")
    expect(page.locator("body")).to_contain_text(run.sha256)
    assert_accessible(page)
    picture(page, "report-file", full=True)
    with page.expect_download() as download:
        page.click("text=Download…")
        page.click("dialog button[type=submit]")
    assert download.value.suggested_filename == run.file_name
