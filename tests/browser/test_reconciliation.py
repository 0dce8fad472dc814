"""A month's end as finance works it: a broken file, the queue down to zero, the month closed."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.api.models import Merchant
from apps.backoffice.services import setup_roles
from apps.ledger.models import PeriodClose
from apps.ledger.selectors import list_trial_balance
from apps.reconciliation.models import Discrepancy
from tests.browser.axe import assert_accessible
from tests.browser.staff import log_in, picture
from tests.factories.payments import SCOPE, attempt_of, confirmed_intent
from tests.fake_gateway import FakeGateway, use_gateways
from tests.reconciliation.statements import GATEWAY, Row, charge_row, csv_of, payout_row, stripe_row

pytestmark = pytest.mark.django_db(transaction=True)

LAST_MONTH = datetime(2026, 10, 30, 12, tzinfo=UTC)
DAY, END = LAST_MONTH.date(), date(2026, 10, 31)


@pytest.fixture
def gateway(settings: Any) -> Iterator[FakeGateway]:
    # 2.9 % and 0.30 of 100.00.
    fake = FakeGateway(fee=320)
    with use_gateways(settings, fake):
        yield fake


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    yield context.new_page()
    context.close()


@pytest.fixture
def broken_file(gateway: FakeGateway, tmp_path: Path) -> Path:
    """Return a report with an amount that is too high, a stranger, and a row that is no row."""
    setup_roles()
    Merchant.objects.create(id=SCOPE.merchant_id, name="Ada's books", created_at=LAST_MONTH)
    right, more = (_paid() for _ in range(2))
    at = {"created_utc": f"{DAY} 12:00:01", "automatic_payout_id": "po_october"}
    stranger = stripe_row(
        reference="txn_x", category="charge", source="ch_x", gross=1000, fee=59, changes=at
    )
    rows: list[Row] = [
        charge_row(right, **at),
        charge_row(more, gross="101.00", net="97.80", **at),
        stranger,
        charge_row(right, gross="n/a", **at),
        payout_row("po_october", 9_680 + 9_780 + 941, created_utc=f"{DAY} 18:00:00"),
    ]
    path = tmp_path / "october.csv"
    path.write_bytes(csv_of(rows))
    return path


def _paid() -> Any:
    return attempt_of(confirmed_intent(amount=10_000, now=LAST_MONTH))


def compare(page: Page, day: date) -> None:
    page.click("nav >> text=Runs")
    page.click("text=Compare a day…")
    page.fill("input[name=day]", day.isoformat())
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("lines agree;")).to_be_visible()


def resolve(page: Page, kind: str, dialog: str, submit: str) -> None:
    page.click("nav >> text=Exceptions")
    page.click(f"#result_list a:has-text('{kind}')")
    page.click(f"text={dialog}")
    page.fill("textarea[name=reason]", "As the gateway has it.")
    picture(page, f"exception-{submit.split(maxsplit=1)[0].lower()}")
    page.get_by_role("button", name=submit).click()
    expect(page.get_by_text("is resolved.")).to_be_visible()


def close_october(page: Page, answer: str) -> None:
    page.click("nav >> text=Runs")
    page.click("text=Close a month…")
    page.fill("input[name=month]", "2026-10")
    page.get_by_role("button", name="Close the month").click()
    expect(page.get_by_text(answer)).to_be_visible()
    picture(page, f"month-{answer.split(maxsplit=1)[0].lower()}")


def upload_broken(page: Page, path: Path) -> None:
    page.click("nav >> text=Statements")
    page.click("text=Upload a statement…")
    page.fill("input[name=source]", GATEWAY)
    page.set_input_files("input[name=file]", path)
    picture(page, "statement-upload")
    page.get_by_role("button", name="Take it in").click()
    expect(page.get_by_text("1 could not be read")).to_be_visible()
    assert_accessible(page)
    page.click("#result_list >> text=october.csv")
    expect(page.get_by_text("is no amount")).to_be_visible()
    # The whole row can be read: no column of the table runs out of its panel.
    table = page.locator(".bo-table").first
    assert table.evaluate("one => one.scrollWidth <= one.parentElement.clientWidth")
    look(page, "statement")


def look(page: Page, name: str) -> None:
    """Keep a picture, and let axe look as well."""
    picture(page, name, full=True)
    assert_accessible(page)


def test_finance_takes_a_broken_file_to_zero_exceptions_and_closes_the_month(
    live_server: Any, page: Page, broken_file: Path
) -> None:
    log_in(page, live_server.url, role="finance_lead")
    upload_broken(page, broken_file)
    compare(page, DAY)
    compare(page, END)
    look(page, "reconciliation-runs")
    close_october(page, "2 exceptions of its days are open")

    page.goto(f"{live_server.url}/admin/reconciliation/discrepancy/?status__exact=open")
    look(page, "exceptions")
    page.click("#result_list a:has-text('The gateway moved more')")
    look(page, "exception")
    resolve(page, "The gateway moved more", "Correct…", "Book the correction")
    resolve(page, "Only the gateway has it", "Correct…", "Book the correction")
    page.click("nav >> text=Settlements")
    page.click("#result_list >> text=po_october")
    # Ledger, lines and announcement; the bank has not shown it yet.
    expect(page.get_by_text("To the cent")).to_have_count(3)
    look(page, "settlement")

    compare(page, END)
    assert not Discrepancy.objects.filter(status="open").exists()
    close_october(page, "The books are closed up to 2026-10-31.")

    assert PeriodClose.objects.get().closed_through == END
    assert sum(line.debit - line.credit for line in list_trial_balance(scope=SCOPE)) == 0
