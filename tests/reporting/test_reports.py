"""Every report in every file it is made as: the same rows, and the numbers of their queries."""

import csv
import hashlib
import io
import zipfile
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from pypdf import PdfReader

from apps.backoffice.kit.display import Tone, money
from apps.backoffice.models import Export, User
from apps.backoffice.services.exports import claim_exports, request_export
from apps.backoffice.states import ExportStatus
from apps.backoffice.tasks import run_export
from apps.common.ids import new_id
from apps.common.money import to_major
from apps.common.origin import Origin, Scope
from apps.ledger import recipes
from apps.ledger.recipes import Fact
from apps.ledger.selectors import list_trial_balance, list_trial_balance_through
from apps.ledger.services import close_period, post_entry
from apps.reconciliation.models import Discrepancy, Settlement
from apps.reporting.errors import FormatNotOffered, NotAMonth
from apps.reporting.exports import PERMISSION, read_report, read_span
from apps.reporting.models import MONTH_CLOSE, Forecast, ReportRun
from apps.reporting.reports import REPORTS
from apps.reporting.reports.reconciliation import draw_ageing, draw_payouts
from apps.reporting.reports.settlements import draw_accuracy
from apps.reporting.services import make_month_packs
from apps.reporting.services.report_runs import run_report
from apps.reporting.spans import Span
from config.backoffice import REPORTS as EXPORTED
from tests.factories.backoffice import staff
from tests.factories.payments import SCOPE
from tests.reporting.history import GATEWAY, NOW, SINCE

CLERK = Origin(actor="staff:ana@shop.example")
SPAN = Span(SCOPE, SINCE, NOW, made_at=NOW)
EUROS = replace(SPAN, currency="EUR")
OCTOBER = Span(
    SCOPE, datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), made_at=NOW
)
EVERY = [(name, file_format) for name, report in REPORTS.items() for file_format in report.formats]


def make(name: str, file_format: str, span: Span | None = None) -> ReportRun:
    span = span or (OCTOBER if name == MONTH_CLOSE else SPAN)
    return run_report(report=REPORTS[name], span=span, file_format=file_format, origin=CLERK)


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def table(name: str, place: int = 0, span: Span = SPAN) -> list[dict[str, Any]]:
    sheet = REPORTS[name].read(span)[place]
    return [dict(zip(sheet.columns, row, strict=True)) for row in sheet.rows]


def count_rows(content: bytes, file_format: str) -> int:
    if file_format == "csv":
        return len(read_csv(content)) - 1
    if file_format == "zip":
        archive = zipfile.ZipFile(io.BytesIO(content))
        parts = [name for name in archive.namelist() if "about" not in name]
        return sum(len(read_csv(archive.read(name))) - 1 for name in parts)
    book = openpyxl.load_workbook(io.BytesIO(content))
    return sum(page.max_row - 1 for page in book.worksheets if page.title != "About")


@pytest.mark.parametrize(("name", "file_format"), EVERY)
def test_each_report_is_made_as_each_of_its_files(facts: None, name: str, file_format: str) -> None:
    run = make(name, file_format)

    content = bytes(run.content)
    assert run.sha256 == hashlib.sha256(content).hexdigest()
    assert run.file_name.endswith(f".{file_format}")
    if file_format == "pdf":
        paper = PdfReader(io.BytesIO(content))
        assert REPORTS[name].title in paper.pages[0].extract_text()
    else:
        assert count_rows(content, file_format) == run.rows


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_a_report_has_as_many_rows_whatever_the_file(facts: None, name: str) -> None:
    assert len({make(name, file_format).rows for file_format in REPORTS[name].formats}) == 1


def test_a_file_that_a_report_is_not_made_as_is_refused(facts: None) -> None:
    before = ReportRun.objects.count()

    with pytest.raises(FormatNotOffered) as refusal:
        make("payments.by_day.1", "zip")

    assert refusal.value.context["formats"] == "csv, xlsx, pdf"
    assert ReportRun.objects.count() == before


def test_the_days_of_a_report_add_up_to_the_ledger(facts: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT posting.currency, sum(posting.amount) FROM ledger_journalentry entry"
            " JOIN ledger_posting posting ON posting.entry_id = entry.id"
            " AND posting.layer = 'posted' JOIN ledger_account account"
            " ON account.id = posting.account_id WHERE entry.kind = 'captured'"
            " AND account.code IN ('gateway_clearing', 'gateway_fees') GROUP BY 1"
        )
        booked = {currency: to_major(int(amount), currency) for currency, amount in cursor}

    shown: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in table("payments.by_day.1"):
        shown[row["currency"]] += row["captured"]

    assert dict(shown) == booked


def test_one_currency_leaves_the_others_out(facts: None) -> None:
    euros = Span(SCOPE, SINCE, NOW, made_at=NOW, currency="EUR")

    for name in sorted(REPORTS):
        for place, _ in enumerate(REPORTS[name].read(euros)):
            found = {row.get("currency", "EUR") for row in table(name, place, euros)}
            assert found <= {"EUR"}, name


def test_disputes_fees_and_rates_of_a_gateway_stand_side_by_side(facts: None) -> None:
    (row,) = [
        row
        for row in table("payments.by_gateway.1")
        if (row["gateway"], row["currency"]) == (GATEWAY, "EUR")
    ]

    decided = row["approved"] + row["declined"]
    assert row["approval_percent"] == Decimal(row["approved"] * 10_000 // decided) / 100
    assert row["fee_percent"] == (row["fees"] * 10_000 // row["captured"]) / 100


def test_the_trial_balance_counts_what_counts_for_the_days(facts: None) -> None:
    def euro(source: str, amount: int, *, at: datetime, value_on: date) -> Fact:
        return Fact(
            scope=SCOPE, id=source, amount=amount, currency="EUR", at=at, gateway=GATEWAY,
            value_on=value_on,
        )  # fmt: skip

    october = date(2026, 10, 31)

    def fees() -> int:
        lines = list_trial_balance_through(scope=SCOPE, day=october)
        return sum(line.debit for line in lines if line.code == "gateway_fees")

    before = fees()
    as_booked = list_trial_balance(scope=SCOPE, as_of=OCTOBER.until)
    with transaction.atomic():
        # Told in November, for October; and told in October, for November.
        post_entry(recipes.fee_charged(euro("late", 70, at=NOW, value_on=october)))
        early = datetime(2026, 10, 30, 9, tzinfo=UTC)
        post_entry(recipes.fee_charged(euro("early", 9, at=early, value_on=date(2026, 11, 2))))

        assert fees() == before + 70
        assert sum(line.debit for line in as_booked if line.code == "gateway_fees") == before
        transaction.set_rollback(True)


def test_the_trial_balance_balances_and_carries_on_from_month_to_month(facts: None) -> None:
    november = Span(SCOPE, OCTOBER.until, NOW, made_at=NOW)

    first, second = (table("ledger.trial_balance.1", 0, span) for span in (OCTOBER, november))

    totals = [row for row in first + second if row["account"] == "Total"]
    assert {row["debit"] == row["credit"] for row in totals} == {True}
    assert {(row["opening"], row["closing"]) for row in totals} == {(0, 0)}
    closed = {(row["account"], row["owner"], row["currency"]): row["closing"] for row in first}
    opened = {(row["account"], row["owner"], row["currency"]): row["opening"] for row in second}
    assert {name: amount for name, amount in opened.items() if amount} == {
        name: amount for name, amount in closed.items() if amount
    }


def test_a_month_s_result_is_what_moved_on_income_and_costs(facts: None) -> None:
    trial, result, *_ = REPORTS[MONTH_CLOSE].read(OCTOBER)
    moved = {(row[0], row[2]): row[5] - row[4] for row in trial.rows}  # type: ignore[operator]

    for line, currency, amount in result.rows:
        if line != "Result":
            assert moved[line, currency] == amount, line


def test_a_pack_is_a_draft_until_its_month_is_closed_and_then_frozen(facts: None) -> None:
    draft = make(MONTH_CLOSE, "pdf")
    again = make(MONTH_CLOSE, "pdf")
    close_period(scope=SCOPE, through=date(2026, 10, 31), origin=CLERK, now=NOW)
    final = make(MONTH_CLOSE, "pdf")
    later = Span(SCOPE, OCTOBER.since, OCTOBER.until, made_at=NOW + timedelta(days=1))

    assert (draft.is_draft, again.is_draft, final.is_draft) == (True, True, False)
    assert draft.pk != again.pk
    assert make(MONTH_CLOSE, "pdf", later).pk == final.pk
    assert "DRAFT" in text_of(draft)
    assert "DRAFT" not in text_of(final)
    assert "closed by staff:ana@shop.example" in text_of(final)
    assert make(MONTH_CLOSE, "xlsx", later).is_draft is False
    assert draft.file_name == "books.month_close.1-20261001-draft.pdf"
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        ReportRun.objects.filter(pk=final.pk).update(content=b"")
    final.pk = new_id("frr")
    with pytest.raises(IntegrityError, match="month_pack_frozen_once"), transaction.atomic():
        final.save(force_insert=True)


def text_of(run: ReportRun) -> str:
    pages = PdfReader(io.BytesIO(bytes(run.content))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def test_a_pack_has_all_that_a_close_needs(facts: None) -> None:
    content = io.BytesIO(bytes(make(MONTH_CLOSE, "xlsx").content))

    assert openpyxl.load_workbook(content).sheetnames == [
        "About", "Trial balance", "Revenue and costs", "Payments and fees", "Disputes",
        "Payouts three ways", "Open exceptions", "Forecast against actual",
    ]  # fmt: skip


def test_a_closed_month_gets_its_packs_by_itself_and_once(db: None) -> None:
    close_period(scope=SCOPE, through=date(2026, 9, 30), origin=CLERK, now=NOW)
    in_between = Scope("mer_other", livemode=True)
    close_period(scope=in_between, through=date(2026, 9, 15), origin=CLERK, now=NOW)

    assert make_month_packs(now=NOW) == 3
    assert make_month_packs(now=NOW + timedelta(minutes=1)) == 0

    made = ReportRun.objects.order_by("file_format")
    assert [(run.file_format, run.is_draft, run.requested_by) for run in made] == [
        ("pdf", False, "clock"), ("xlsx", False, "clock"), ("zip", False, "clock"),
    ]  # fmt: skip
    assert {(run.merchant_id, run.since) for run in made} == {
        (SCOPE.merchant_id, datetime(2026, 9, 1, tzinfo=UTC))
    }


def test_months_that_were_closed_long_ago_are_left_alone(db: None) -> None:
    close_period(scope=SCOPE, through=date(2026, 9, 30), origin=CLERK, now=NOW)

    assert make_month_packs(now=NOW + timedelta(days=8)) == 0


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (datetime(2026, 10, 2, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
        (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
        (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_pack_is_of_one_month_that_has_begun(
    facts: None, since: datetime, until: datetime
) -> None:
    before = ReportRun.objects.count()

    with pytest.raises(NotAMonth):
        make(MONTH_CLOSE, "pdf", Span(SCOPE, since, until, made_at=NOW))

    assert ReportRun.objects.count() == before


def test_what_was_forecast_stands_beside_what_arrived(db: None) -> None:
    arrives = date(2026, 11, 18)
    for made_on, expected in ((13, 100), (15, 900), (17, 7_000)):
        Forecast.objects.create(
            merchant_id=SCOPE.merchant_id, livemode=False, gateway=GATEWAY, currency="EUR",
            made_on=date(2026, 11, made_on), arrives_on=arrives, known=0, expected=expected,
            low=expected - 50, high=expected + 50,
        )  # fmt: skip
    payout("po_1", 800, arrives)

    (row,) = table("settlement.accuracy.1")

    # Three days before, the latest forecast was that of the 15th.
    assert (row["forecast_on"], row["expected"], row["arrived"]) == (
        "2026-11-15", Decimal("9.00"), Decimal("8.00"),
    )  # fmt: skip
    assert (row["error_percent"], row["in_band"]) == (Decimal("12.50"), "no")


def test_arrived_payouts_are_drawn_with_the_band_and_the_mean_error(db: None) -> None:
    arrives = date(2026, 11, 18)
    for gateway, expected in ((GATEWAY, 900), ("adyen_main", 400)):
        Forecast.objects.create(
            merchant_id=SCOPE.merchant_id, livemode=False, gateway=gateway, currency="EUR",
            made_on=date(2026, 11, 15), arrives_on=arrives, known=0, expected=expected,
            low=expected - 50, high=expected + 50,
        )  # fmt: skip
    payout("po_1", 800, arrives)

    chart = draw_accuracy(EUROS)

    assert chart.hint.endswith("; 0 of 1 within it, mean error 12.50 %")
    assert [(bar.label, bar.height, bar.low, bar.high, bar.is_open) for bar in chart.bars] == [
        ("18 Nov adyen_main", 0, 350, 450, True),
        (f"18 Nov {GATEWAY}", 800, 850, 950, False),
    ]


def payout(reference: str, amount: int, paid_on: date, **fields: Any) -> Settlement:
    return Settlement.objects.create(
        merchant_id=SCOPE.merchant_id, livemode=False, gateway=GATEWAY, reference=reference,
        currency="EUR", amount=amount, paid_on=paid_on, created_at=NOW, **fields,
    )  # fmt: skip


def test_each_payout_is_drawn_green_when_it_stands_at_the_bank_to_the_cent(db: None) -> None:
    day = date(2026, 11, 18)
    booked = {"entry_id": "jrn_1", "received_entry_id": "jrn_2"}
    payout("po_1", 800, day, status="received", bank_amount=800, **booked)
    payout("po_2", 700, day, status="received", bank_amount=650, **booked)
    payout("po_3", 600, day)
    payout("po_4", 500, day, status="failed", bank_amount=500)

    bars = draw_payouts(EUROS).bars

    assert [(bar.height, bar.text, bar.tone, bar.is_open) for bar in bars] == [
        (800, f"{money(800, 'EUR')}, received", Tone.GOOD, False),
        (700, f"{money(700, 'EUR')}, received", Tone.WARNING, False),
        (600, f"{money(600, 'EUR')}, announced", Tone.WARNING, True),
        (500, f"{money(500, 'EUR')}, failed", Tone.WARNING, False),
    ]


def test_open_exceptions_are_drawn_by_their_age(db: None) -> None:
    for number, age in enumerate((0, 1, 2, 7, 8, 30, 31, 61)):
        Discrepancy.objects.create(
            merchant_id=SCOPE.merchant_id, livemode=False, gateway=GATEWAY, kind="amount_over",
            subject=f"line:{number}", day=NOW.date() - timedelta(days=age), currency="EUR",
            version=1, created_at=NOW,
        )  # fmt: skip

    bars = draw_ageing(EUROS).bars

    assert [(bar.label, bar.height) for bar in bars] == [
        ("Up to a day", 2), ("Up to a week", 2), ("Up to 30 days", 2), ("Older", 2),
    ]  # fmt: skip


# --- the one job of files ---------------------------------------------------------------------


@pytest.fixture
def finance(db: None, settings: Any, tmp_path: Path) -> User:
    stores = {**settings.STORAGES}
    stores["exports"] = {**stores["exports"], "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = stores
    return staff(PERMISSION)


def test_every_report_is_known_to_the_job_of_files() -> None:
    assert sorted(EXPORTED) == sorted(REPORTS)


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_the_job_makes_each_report(finance: User, name: str) -> None:
    for file_format in REPORTS[name].formats:
        request_export(
            user=finance,
            source=name,
            title="",
            query=f"report={name}&merchant={SCOPE.merchant_id}&mode=test",
            file_format=file_format,
            now=timezone.now(),
        )

    for export in claim_exports(10):
        run_export(export, now=timezone.now())

    made = Export.objects.values_list("status", "error").distinct()
    assert list(made) == [(ExportStatus.DONE, "")]


def test_who_may_not_see_reports_gets_no_file(finance: User) -> None:
    export = request_export(
        user=staff("payments.view_paymentintent"),
        source="payments.by_day.1",
        title="",
        query="",
        file_format="csv",
        now=timezone.now(),
    )

    with pytest.raises(PermissionDenied):
        read_report(export)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ({}, date(2026, 10, 22), date(2026, 11, 20)),
        ({"since": "2026-11-01", "until": "2026-11-03"}, date(2026, 11, 1), date(2026, 11, 3)),
        ({"since": "2026-11-05", "until": "2026-11-03"}, date(2026, 11, 3), date(2026, 11, 3)),
        ({"since": "soon", "until": ""}, date(2026, 10, 22), date(2026, 11, 20)),
    ],
)
def test_an_address_names_whole_days(asked: dict[str, str], first: date, last: date) -> None:
    span = read_span(REPORTS["payments.by_day.1"], asked, now=NOW)

    assert (span.since.date(), span.last_day) == (first, last)
    assert span.until - span.since == timedelta(days=(last - first).days + 1)


@pytest.mark.parametrize("since", ["", "2026-10", "2026-10-17"])
def test_a_month_s_report_takes_the_whole_month(since: str) -> None:
    asked = {"since": since, "merchant": SCOPE.merchant_id, "currency": "EUR"}

    span = read_span(REPORTS[MONTH_CLOSE], asked, now=NOW)

    assert (span.since, span.until, span.currency) == (OCTOBER.since, OCTOBER.until, "")
