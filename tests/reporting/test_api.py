"""Figures, forecasts and report files as a merchant reads them."""

import csv
import hashlib
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import stripe
from django.utils import timezone

from apps.api.models import Merchant
from apps.api.services import create_api_key, create_merchant
from apps.backoffice.books import MEDIA_TYPES
from apps.common.origin import Scope
from apps.ledger.services import close_period
from apps.reporting.models import HourOfBooks, ReportRun
from apps.reporting.objects import render_report_run
from apps.reporting.reports import REPORTS
from apps.reporting.services import roll_up
from tests.conftest import ApiClient
from tests.factories.payments import TESTER
from tests.fake_gateway import FakeGateway, decline

# What the gateway of the test keeps of each payment.
FEE = 30

pytestmark = pytest.mark.django_db


@pytest.fixture
def other_api(db: None) -> ApiClient:
    now = timezone.now()
    other = create_merchant(name="Other", now=now)
    return ApiClient(create_api_key(merchant=other, livemode=False, now=now)[1])


def pay(api: Any, amount: int, currency: str = "eur") -> Any:
    return api.post(
        "/v1/payment_intents",
        {
            "amount": amount, "currency": currency, "confirm": True,
            "payment_method": "pm_card_visa",
        },
    ).json()  # fmt: skip


def test_the_summary_tells_each_currency_apart(api: Any, gateway: FakeGateway) -> None:
    pay(api, 10_000)
    pay(api, 300, "jpy")
    gateway.script = [decline("insufficient_funds")]
    pay(api, 500)
    roll_up(now=timezone.now())

    answer = api.get("/v1/reports/summary", {"interval": "month"}).json()

    euro, yen = answer["data"]
    start = timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    assert euro == {
        "period_start": int(start.timestamp()),
        "currency": "eur",
        "attempts": 2, "approved": 1, "declined": 1, "approval_rate": 5_000,
        "captured": 10_000, "captures": 1, "disputed": 0, "disputes": 0, "dispute_fees": 0,
        "fees": FEE,
        "net": 10_000 - FEE, "refunded": 0, "refunds": 0,
    }  # fmt: skip
    assert (yen["currency"], yen["captured"]) == ("jpy", 300)
    assert abs(answer["as_of"] - timezone.now().timestamp()) < 60


def test_the_summary_of_another_account_is_empty(
    api: Any, other_api: Any, gateway: FakeGateway
) -> None:
    pay(api, 10_000)
    roll_up(now=timezone.now())

    assert other_api.get("/v1/reports/summary").json()["data"] == []


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"since": 100, "until": 100}, "since"),
        ({"since": 200, "until": 100}, "since"),
        ({"since": 0, "until": 40 * 86400, "interval": "hour"}, "since"),
        ({"interval": "year"}, "interval"),
        ({"since": "yesterday"}, "since"),
    ],
)
def test_a_span_that_makes_no_sense_is_refused(
    api: Any, params: dict[str, Any], param: str
) -> None:
    answer = api.get("/v1/reports/summary", params)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_ac_098_the_forecast_names_day_and_band(api: Any, merchant: Merchant) -> None:
    now = timezone.now()
    HourOfBooks.objects.create(
        merchant_id=merchant.id, livemode=False, hour=now - timedelta(days=1), kind="captured",
        account="gateway_clearing", gateway="stripe_main", currency="EUR", entries=1, amount=9_680,
    )  # fmt: skip

    answer = api.get("/v1/reports/settlement_forecast").json()

    booked = [line for line in answer["data"] if line["known"]]
    assert [(line["gateway"], line["currency"], line["known"]) for line in booked] == [
        ("stripe_main", "eur", 9_680)
    ]
    assert booked[0]["low"] <= booked[0]["expected"] <= booked[0]["high"]
    assert api.get("/v1/reports/settlement_forecast", {"currency": "usd"}).json()["data"] == []


def test_a_report_is_made_once_and_stays_as_it_is(api: Any, gateway: FakeGateway) -> None:
    pay(api, 10_000)
    roll_up(now=timezone.now())
    now = int(timezone.now().timestamp())
    wanted = {
        "report_type": "payments.by_day.1",
        "parameters": {"interval_start": now - 86_400, "interval_end": now + 3_600},
    }

    run = api.post("/v1/reporting/report_runs", wanted).json()
    pay(api, 5_000)
    roll_up(now=timezone.now())
    file = api.get(run["result"]["url"])

    assert (run["object"], run["status"]) == ("reporting.report_run", "succeeded")
    assert hashlib.sha256(file.content).hexdigest() == run["result"]["sha256"]
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(file.content.decode("utf-8-sig")))
    assert (row["currency"], row["captured"], row["captures"]) == ("EUR", "100.00", "1")


def test_a_trial_balance_adds_up_to_the_same_on_both_sides(api: Any, gateway: FakeGateway) -> None:
    pay(api, 10_000)
    now = int(timezone.now().timestamp())
    span = {"interval_start": now - 60, "interval_end": now + 60}

    run = api.post(
        "/v1/reporting/report_runs",
        {"report_type": "ledger.trial_balance.1", "parameters": span},
    ).json()
    rows = list(
        csv.DictReader(io.StringIO(api.get(run["result"]["url"]).content.decode("utf-8-sig")))
    )

    assert rows
    assert sum(float(row["debit"]) for row in rows) == sum(float(row["credit"]) for row in rows)


def test_a_report_of_others_is_not_found(api: Any, other_api: Any) -> None:
    span = {"interval_start": 0, "interval_end": 3_600}
    run = api.post(
        "/v1/reporting/report_runs",
        {"report_type": "settlement.forecast.1", "parameters": span},
    ).json()

    for path in (f"/v1/reporting/report_runs/{run['id']}", run["result"]["url"]):
        assert other_api.get(path).status_code == 404
    assert other_api.get("/v1/reporting/report_runs").json()["data"] == []


@pytest.mark.parametrize(
    ("file_format", "media_type", "begins"),
    [
        ("csv", "text/csv; charset=utf-8", b"\xef\xbb\xbf"),
        ("pdf", "application/pdf", b"%PDF-"),
        ("xlsx", MEDIA_TYPES["xlsx"], b"PK"),
    ],
)
def test_a_report_is_had_as_text_paper_and_spreadsheet(
    api: Any, file_format: str, media_type: str, begins: bytes
) -> None:
    span = {"interval_start": 0, "interval_end": 3_600}

    run = api.post(
        "/v1/reporting/report_runs",
        {"report_type": "payments.by_day.1", "parameters": span, "format": file_format},
    ).json()
    file = api.get(run["result"]["url"])

    assert (run["result"]["type"], run["draft"]) == (file_format, False)
    assert file.headers["Content-Type"] == media_type
    assert file.headers["Content-Disposition"].endswith(f'.{file_format}"')
    assert file.content.startswith(begins)
    assert hashlib.sha256(file.content).hexdigest() == run["result"]["sha256"]


def test_a_month_s_pack_is_a_draft_until_the_month_is_closed(api: Any, merchant: Merchant) -> None:
    month = {
        "interval_start": int(datetime(2026, 9, 1, tzinfo=UTC).timestamp()),
        "interval_end": int(datetime(2026, 10, 1, tzinfo=UTC).timestamp()),
    }

    def pack() -> Any:
        return api.post(
            "/v1/reporting/report_runs",
            {"report_type": "books.month_close.1", "parameters": month, "format": "pdf"},
        ).json()

    draft = pack()
    close_period(
        scope=Scope(merchant.id, livemode=False), through=date(2026, 9, 30), origin=TESTER,
        now=timezone.now(),
    )  # fmt: skip
    final, again = pack(), pack()

    assert (draft["draft"], final["draft"]) == (True, False)
    assert final["id"] == again["id"] != draft["id"]
    assert final["result"]["sha256"] == again["result"]["sha256"]


def test_report_types_say_what_there_is(api: Any, merchant: Merchant) -> None:
    every = api.get("/v1/reporting/report_types").json()
    one = api.get("/v1/reporting/report_types/books.month_close.1").json()

    assert [row["id"] for row in every["data"]] == list(REPORTS)
    assert one in every["data"]
    assert (one["object"], one["name"], one["version"], one["formats"]) == (
        "reporting.report_type", "Month close", 1, ["zip", "xlsx", "pdf"],
    )  # fmt: skip
    assert one["data_available_start"] == int(merchant.created_at.timestamp())
    assert api.get("/v1/reporting/report_types/everything.1").status_code == 404


@pytest.mark.parametrize(
    "wish",
    [
        {"report_type": "payments.by_day.1"},
        {"report_type": "everything", "parameters": {"interval_start": 0, "interval_end": 1}},
        {"report_type": "payments.by_day.1",
         "parameters": {"interval_start": 2, "interval_end": 1}},
        {"report_type": "payments.by_day.1", "format": "zip",
         "parameters": {"interval_start": 0, "interval_end": 3_600}},
        {"report_type": "books.month_close.1",
         "parameters": {"interval_start": 0, "interval_end": 3_600}},
    ],
)  # fmt: skip
def test_a_report_that_cannot_be_made_leaves_nothing(api: Any, wish: dict[str, Any]) -> None:
    answer = api.post("/v1/reporting/report_runs", wish)

    assert answer.status_code == 400
    assert not ReportRun.objects.exists()


def test_the_shapes_fit_stripes_sdk() -> None:
    run = ReportRun(
        id="frr_1", livemode=False, report_type="payments.by_day.1", rows=1, sha256="00",
        since=datetime(2026, 11, 1, tzinfo=UTC), until=datetime(2026, 12, 1, tzinfo=UTC),
        created_at=datetime(2026, 12, 1, tzinfo=UTC),
    )  # fmt: skip
    typed = stripe.reporting.ReportRun.construct_from(render_report_run(run), "sk_test")

    assert typed.parameters.interval_start == int(run.since.timestamp())
    assert typed.result is not None
    assert typed.result.url == "/v1/reporting/report_runs/frr_1/contents"
