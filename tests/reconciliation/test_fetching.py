"""Reports come by themselves: each day's once, and again and again while it is not there."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from apps.api.models import Merchant
from apps.backoffice.services import setup_roles
from apps.common.origin import Scope
from apps.gateways.errors import GatewayUnknown
from apps.reconciliation.errors import ReportNotFetched
from apps.reconciliation.models import ReconciliationRun, ReportFetch, StatementFile
from apps.reconciliation.services import fetch_report
from apps.reconciliation.tasks import fetch_reports, reconcile_yesterday
from tests.backoffice.conftest import Enter, enter  # noqa: F401 - the fixture
from tests.conftest import ApiClient
from tests.factories.backoffice import staff
from tests.factories.payments import SCOPE
from tests.fake_gateway import FakeGateway
from tests.reconciliation.statements import (
    DAY,
    FINANCE,
    GATEWAY,
    NOON,
    charge_row,
    csv_of,
    paid,
)
from tests.reconciliation.test_tasks import TOMORROW

pytestmark = pytest.mark.django_db


def asked(gateway: FakeGateway) -> list[str]:
    """Return the days whose report the gateway was asked for."""
    return [key for operation, key in gateway.calls if operation == "report"]


def fetch() -> ReportFetch:
    return fetch_report(scope=SCOPE, gateway=GATEWAY, day=DAY, origin=FINANCE, now=TOMORROW)


def test_a_report_is_fetched_once_and_taken_in(gateway: FakeGateway) -> None:
    gateway.reports[DAY] = csv_of([charge_row(paid())])

    first, second = fetch(), fetch()

    assert (first.state, second.state) == ("fetched", "fetched")
    file = StatementFile.objects.get()
    assert (file.source, file.format, file.lines_new) == (GATEWAY, "stripe", 1)
    assert (file.name, file.uploaded_by) == ("stripe_main-2026-11-18.csv", FINANCE.actor)
    assert asked(gateway) == ["2026-11-18"]


def test_a_report_that_is_not_there_yet_is_asked_for_again(gateway: FakeGateway) -> None:
    attempt = paid()

    assert fetch().state == "waiting"
    assert not StatementFile.objects.exists()

    gateway.reports[DAY] = csv_of([charge_row(attempt)])
    assert fetch().state == "fetched"
    assert ReportFetch.objects.count() == 1


def test_a_gateway_that_does_not_answer_leaves_the_report_missing(gateway: FakeGateway) -> None:
    gateway.before = [GatewayUnknown("read timeout")]

    with pytest.raises(ReportNotFetched) as refusal:
        fetch()

    assert "read timeout" in refusal.value.message
    assert ReportFetch.objects.get().state == "waiting"
    assert not StatementFile.objects.exists()


def test_the_night_fetches_what_is_missing_and_compares_it(gateway: FakeGateway) -> None:
    gateway.reports[DAY] = csv_of([charge_row(paid())])

    assert fetch_reports(now=TOMORROW) == 1
    # The two days before have no report yet; nobody asks again within the hour.
    assert sorted(asked(gateway)) == ["2026-11-16", "2026-11-17", "2026-11-18"]
    assert fetch_reports(now=TOMORROW + timedelta(minutes=10)) == 0
    assert len(asked(gateway)) == 3

    assert reconcile_yesterday(now=TOMORROW) == 1
    run = ReconciliationRun.objects.get()
    assert (run.day, run.lines, run.lines_matched, run.report) == (DAY, 1, 1, "fetched")

    fetch_reports(now=TOMORROW + timedelta(hours=2))
    assert max(asked(gateway)) == "2026-11-18"
    assert len(asked(gateway)) == 5


def test_one_gateway_in_trouble_does_not_keep_a_day_from_coming(gateway: FakeGateway) -> None:
    gateway.reports[DAY - timedelta(days=1)] = csv_of([charge_row(paid(now=NOON))])
    gateway.before = [GatewayUnknown("out of order")]

    assert fetch_reports(now=TOMORROW) == 1


def test_a_run_asked_for_through_the_api_fetches_first(
    gateway: FakeGateway, api: ApiClient, merchant: Merchant
) -> None:
    wish = {"gateway": GATEWAY, "date": "2026-11-18", "fetch": True}

    waiting = api.post("/v1/reconciliation/runs", wish).json()
    own = paid(scope=Scope(merchant.id, livemode=False))
    gateway.reports[DAY] = csv_of([charge_row(own)])
    fetched = api.post("/v1/reconciliation/runs", wish).json()
    by_hand = api.post("/v1/reconciliation/runs", wish | {"date": "2026-11-17", "fetch": False})

    assert (waiting["report"], waiting["lines"]) == ("waiting", 0)
    assert (fetched["report"], fetched["lines"]) == ("fetched", 1)
    assert by_hand.json()["report"] is None


def test_finance_hears_on_the_screen_that_a_report_is_not_there_yet(
    gateway: FakeGateway,
    enter: Enter,  # noqa: F811
) -> None:
    setup_roles()
    Merchant.objects.create(id=SCOPE.merchant_id, name="Ada's books", created_at=NOON)
    client: Client = enter(staff(email="lee@shop.example", role="finance_lead"))
    answers = {
        "nonce": str(uuid.uuid4()), "merchant": SCOPE.merchant_id, "gateway": GATEWAY,
        "day": "2026-11-18", "fetch": "on",
    }  # fmt: skip
    url = reverse("admin:reconciliation_reconciliationrun_list_dialog", args=["reconcile"])

    page = client.post(url, answers, follow=True).content.decode()

    assert "has no report of that day yet" in page
    run = ReconciliationRun.objects.get()
    shown = client.get(reverse("admin:reconciliation_reconciliationrun_change", args=[run.pk]))
    assert "Not there yet" in shown.content.decode()
