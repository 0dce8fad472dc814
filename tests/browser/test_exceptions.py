"""Each kind of exception as finance mends it: planted, found, explained, corrected, gone."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Sum
from playwright.sync_api import Browser, BrowserContext, Page, expect

from apps.api.models import Merchant
from apps.backoffice.services import setup_roles
from apps.ledger import chart
from apps.ledger.selectors import list_trial_balance
from apps.reconciliation.models import BankLine
from apps.reconciliation.policies import advise
from apps.reconciliation.states import DiscrepancyKind, StatementFormat
from simulator.testing import RunningSimulator
from tests.backoffice.conftest import Enter, enter  # noqa: F401 - in place of this folder's
from tests.browser.axe import assert_accessible
from tests.browser.staff import picture
from tests.factories.backoffice import staff
from tests.factories.payments import SCOPE
from tests.reconciliation.at_gateways import GATEWAYS, open_till, take, today
from tests.reconciliation.plants import (
    BANK,
    FOUND_AS,
    KINDS,
    NOT_BOOKED,
    booked,
    compare_all,
    plant,
    told_by_gateway,
)

pytestmark = pytest.mark.django_db(transaction=True)

# Of a payment of 10.00 with a fee of 0.59; one that failed, and a stranger, are as large.
CLEARING, SUSPENSE = "gateway clearing of {gateway}", "suspense"
TOO_MUCH = [(f"Debit {CLEARING}", "9.41 EUR"), (f"Credit {SUSPENSE}", "9.41 EUR")]
TOO_LITTLE = [(f"Debit {SUSPENSE}", "9.41 EUR"), (f"Credit {CLEARING}", "9.41 EUR")]
IN_TRANSIT = "settlements in transit of {gateway}"
# The journal that the dialog shows before anything is booked.
PREVIEWS = {
    "missing_in_ledger": TOO_MUCH,
    "status_mismatch": TOO_MUCH,
    "missing_in_report": TOO_LITTLE,
    "amount_over": [(f"Debit {CLEARING}", "1.00 EUR"), (f"Credit {SUSPENSE}", "1.00 EUR")],
    "amount_under": [(f"Debit {SUSPENSE}", "1.00 EUR"), (f"Credit {CLEARING}", "1.00 EUR")],
    "split_mismatch": [(f"Debit {SUSPENSE}", "4.99 EUR"), (f"Credit {CLEARING}", "4.99 EUR")],
    "fee_mismatch": [
        ("Debit gateway fees of {gateway}", "0.01 EUR"),
        (f"Credit {CLEARING}", "0.01 EUR"),
    ],
    "currency_mismatch": [
        (f"Debit {CLEARING}", "9.41 CHF"),
        (f"Credit {SUSPENSE}", "9.41 CHF"),
        (f"Credit {CLEARING}", "9.41 EUR"),
        (f"Debit {SUSPENSE}", "9.41 EUR"),
    ],
    "payout_mismatch": [
        (f"Debit {IN_TRANSIT}", "10.41 EUR"),
        (f"Credit {CLEARING}", "10.41 EUR"),
    ],
    "bank_mismatch": [
        (f"Debit bank of {BANK}", "8.91 EUR"),
        (f"Debit {SUSPENSE}", "0.50 EUR"),
        (f"Credit {IN_TRANSIT}", "9.41 EUR"),
    ],
    "bank_unexplained": [
        (f"Debit bank of {BANK}", "7.77 EUR"),
        (f"Credit {SUSPENSE}", "7.77 EUR"),
    ],
}
LIMIT = Decimal(5)
# What differs by more than that, or stands in two currencies.
ABOVE_LIMIT = {
    "missing_in_ledger",
    "status_mismatch",
    "missing_in_report",
    "bank_unexplained",
    "currency_mismatch",
}
LABELS = {"correct": "Correct…", "match": "Match…", "ignore": "Ignore…"}
SUBMITS = {"correct": "Book the correction", "match": "They agree", "ignore": "Ignore it"}

Sit = Callable[[str], Page]


@pytest.fixture
def sit(
    browser: Browser,
    live_server: Any,
    enter: Enter,  # noqa: F811
    settings: Any,
) -> Iterator[Sit]:
    """Return a function that seats somebody of finance at a browser of their own."""
    setup_roles()
    Merchant.objects.create(id=SCOPE.merchant_id, name="Ada's books", created_at=today())
    settings.RECONCILIATION_DUE_DAYS = 0
    settings.RECONCILIATION_APPROVAL_LIMIT = LIMIT
    with ExitStack() as open_ones:

        def seat(name: str) -> Page:
            client = enter(staff(email=f"{name}@shop.example", role="finance_lead"))
            context: BrowserContext = browser.new_context(viewport={"width": 1440, "height": 1000})
            open_ones.callback(context.close)
            session = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies(
                [
                    {
                        "name": settings.SESSION_COOKIE_NAME,
                        "value": session,
                        "url": live_server.url,
                    }
                ]
            )
            page = context.new_page()
            page.goto(f"{live_server.url}/admin/")
            return page

        yield seat


def plant_one(simulator: RunningSimulator, psp: str, kind: str) -> None:
    """Let one thing be wrong beside a payment that is right, and take the statements in."""
    now = today()
    with open_till(simulator, psp, now) as till:
        plant(simulator, psp, kind, till)
        till.pay()
    day = now.date()
    report = simulator.report(f"settlements/{psp}/{day}.csv")
    take(report, StatementFormat(psp), GATEWAYS[psp], now)
    take(simulator.report(f"bank/{day}.xml"), StatementFormat.CAMT053, BANK, now)
    compare_all(GATEWAYS[psp], now)


def open_the_only_one(page: Page, kind: DiscrepancyKind) -> None:
    """Go to the queue, and from there to the one exception in it."""
    page.click("nav >> text=Exceptions")
    page.click("text=Open")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.click(f"#result_list a:has-text('{kind.label}')")
    expect(page.locator(".bo-heading")).to_contain_text(kind.label)


def end_it(page: Page, kind: DiscrepancyKind, action: str, gateway: str) -> None:
    """Answer the dialog, after a look at the journal that it will book."""
    page.click(f"text={LABELS[action]}")
    dialog = page.get_by_role("dialog")
    for leg, amount in PREVIEWS.get(kind, []):
        row = dialog.locator(".bo-facts > *", has_text=leg.format(gateway=gateway))
        expect(row.filter(has_text=amount.replace(" ", "\u00a0"))).to_have_count(1)
    dialog.locator("textarea[name=reason]").fill("As the gateway has it.")
    picture(page, f"exception-{kind}-dialog")
    dialog.get_by_role("button", name=SUBMITS[action]).click()


def approve(page: Page) -> None:
    """Agree to what waits."""
    page.click("nav >> text=Approvals")
    page.click("text=Correction of a reconciliation exception")
    expect(page.locator(".bo-table")).to_contain_text("Suspense")
    picture(page, "approval-of-a-correction", full=True)
    page.click("text=Approve…")
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Correction of a reconciliation exception: approved.")).to_be_visible()


def compare_again(page: Page) -> None:
    """Compare once more, and see that nothing is left."""
    page.click("nav >> text=Runs")
    page.click("text=Compare a day…")
    page.fill("input[name=day]", (today().date() + timedelta(days=5)).isoformat())
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("0 exceptions opened, 0 closed, 0 open.")).to_be_visible()
    page.click("nav >> text=Exceptions")
    page.click("text=Open")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()


@pytest.mark.parametrize("psp", ["stripe", "adyen"])
@pytest.mark.parametrize("planted", KINDS)
def test_ac_069_every_kind_is_found_explained_and_mended_on_the_screen(
    simulator: RunningSimulator, sit: Sit, settings: Any, planted: str, psp: str
) -> None:
    gateway, kind = GATEWAYS[psp], DiscrepancyKind(FOUND_AS.get(planted, planted))
    settings.GATEWAYS = {gateway: {"kind": psp}}
    plant_one(simulator, psp, planted)
    lee = sit("lee")

    open_the_only_one(lee, kind)
    advice = advise(kind)
    expect(lee.get_by_text(advice.reason)).to_be_visible()
    expect(lee.locator(".bo-buttons .bo-button-primary")).to_have_text(LABELS[advice.action])
    assert_accessible(lee)
    picture(lee, f"exception-{planted}", full=True)
    action = NOT_BOOKED.get(kind, "correct")
    end_it(lee, kind, action, gateway)

    if kind in ABOVE_LIMIT:
        expect(lee.get_by_text("a second person has to approve it")).to_be_visible()
        approve(sit("kim"))
    else:
        expect(
            lee.get_by_text(f"is {'ignored' if action == 'ignore' else 'resolved'}.")
        ).to_be_visible()
    compare_again(lee)
    assert booked(chart.GATEWAY_CLEARING, gateway) == told_by_gateway(gateway)
    received = BankLine.objects.aggregate(total=Sum("amount"))["total"]
    assert booked(chart.BANK, BANK).get("EUR") == received
    assert sum(line.debit - line.credit for line in list_trial_balance(scope=SCOPE)) == 0
    call_command("ledger_verify", stdout=StringIO())
