"""The reports' pages: for whom, with which address, in few statements, and with nothing to show."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.api.services import create_merchant
from apps.common.money import to_major
from apps.reconciliation.models import Settlement
from apps.reconciliation.selectors import list_payout_parts
from apps.reporting.models import MONTH_CLOSE, ReportRun
from apps.reporting.reports import REPORTS
from apps.reporting.spans import Span
from tests.backoffice.house import furnish
from tests.factories.backoffice import staff
from tests.factories.payments import SCOPE, confirmed_intent
from tests.fake_gateway import FakeGateway
from tests.reporting.history import make_history

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]
# Who is logged in, what the sidebar counts, whose figures, and then the report.
STATEMENTS_MAX = 45


def open_report(client: Client, name: str, **asked: str) -> Any:
    url = reverse("admin:reporting_reports")
    return client.get(url, {"report": name, **asked}, follow=True)


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_a_report_without_anything_to_show_says_so(enter_as: EnterAs, name: str) -> None:
    page = open_report(enter_as("auditor"), name)

    assert page.status_code == 200
    assert "Nothing in these days." in page.content.decode()


def test_an_address_names_all_that_it_shows(enter_as: EnterAs, gateway: FakeGateway) -> None:
    create_merchant(name="Ada's books", now=timezone.now())
    make_history(timezone.now())

    page = open_report(enter_as("finance"), "payments.by_day.1", currency="JPY", other="1")

    (where, status) = page.redirect_chain[-1]
    today = timezone.now().date()
    assert status == 302
    assert where.startswith(
        f"/admin/reporting/reportrun/reports/?report=payments.by_day.1"
        f"&merchant={SCOPE.merchant_id}&mode=test&currency=JPY&since="
    )
    assert where.endswith(f"&until={today}")


def test_every_report_takes_few_statements_however_much_there_is(
    enter_as: EnterAs, gateway: FakeGateway
) -> None:
    make_history(timezone.now())
    client = enter_as("finance_lead")
    urls = {name: open_report(client, name).redirect_chain[-1][0] for name in REPORTS}

    for name, url in urls.items():
        with CaptureQueriesContext(connection) as statements:
            page = client.get(url)
        assert page.status_code == 200
        assert len(statements) <= STATEMENTS_MAX, name
        raw = [each["sql"] for each in statements if "payments_payment" in each["sql"]]
        assert raw == [], name


def test_the_buttons_of_a_report_are_its_own(enter_as: EnterAs, gateway: FakeGateway) -> None:
    confirmed_intent(amount=700)
    client = enter_as("finance")

    shown = open_report(client, "payments.by_day.1").context["dialogs"]
    listed = client.get(reverse("admin:reporting_reportrun_changelist"))

    assert [offer["dialog"].name for offer in shown] == ["export-report", "keep-report"]
    names = [offer["dialog"].name for offer in listed.context["dialogs"]]
    assert not {"export-report", "keep-report"} & set(names)


def test_who_may_not_take_files_sees_no_button(enter: Any, db: None) -> None:
    page = open_report(enter(staff("reporting.view_reportrun")), MONTH_CLOSE)

    assert page.context["dialogs"] == []


def test_payouts_are_compared_in_one_statement_however_many(gateway: FakeGateway) -> None:
    furnish(gateway)
    payout = Settlement.objects.get()
    now = timezone.now()
    span = Span(SCOPE, now - timedelta(days=2), now + timedelta(days=1), made_at=now)

    def read() -> tuple[int, dict[Any, Any]]:
        with CaptureQueriesContext(connection) as statements:
            (sheet,) = REPORTS["reconciliation.payouts.1"].read(span)
            rows = {row[1]: dict(zip(sheet.columns, row, strict=True)) for row in sheet.rows}
        return len(statements), rows

    once, before = read()
    for number in range(9):
        payout.pk, payout.reference = f"stl_{number}", f"po_more_{number}"
        payout.save(force_insert=True)
    again, after = read()

    shown = before["po_house"]
    parts = list_payout_parts(Settlement.objects.get(reference="po_house"))
    assert shown["ledger"] == to_major(sum(part.booked for part in parts), "EUR")
    assert shown["gateway_lines"] == to_major(941, "EUR")
    assert (len(before), len(after)) == (1, 10)
    assert after["po_more_3"]["ledger"] == 0
    assert again == once


@pytest.mark.parametrize("role", ["support_lead", "risk", "developer"])
def test_a_report_is_not_for_everybody(enter_as: EnterAs, role: str) -> None:
    assert open_report(enter_as(role), MONTH_CLOSE).status_code == 403


def test_a_report_that_is_not_there_is_not_found(enter_as: EnterAs) -> None:
    assert open_report(enter_as("finance"), "everything.1").status_code == 404
    assert not ReportRun.objects.exists()
