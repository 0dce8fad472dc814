"""Files of lists: the same as on the screen, safe in a spreadsheet, for who asked for them."""

import csv
import hashlib
import io
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.contrib import admin
from django.db.models import Sum
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.backoffice.books import Book
from apps.backoffice.kit.columns import TOTAL, plain
from apps.backoffice.kit.display import moment, stacked
from apps.backoffice.models import Export, StaffAction, User
from apps.backoffice.services.exports import (
    EXPORT_ATTEMPTS,
    claim_exports,
    expire_exports,
    produce_export,
    request_export,
)
from apps.backoffice.sheets import Sheet, write_csv, write_xlsx
from apps.backoffice.states import ExportStatus
from apps.backoffice.tasks import run_export
from apps.common.money import to_major
from apps.payments.models import PaymentIntent
from config.roles import ROLES
from tests.backoffice.house import House, furnish
from tests.factories.backoffice import staff
from tests.factories.payments import confirmed_intent
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    stores = {**settings.STORAGES}
    stores["exports"] = {**stores["exports"], "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = stores
    return tmp_path


@pytest.fixture
def house(db: None, gateway: FakeGateway) -> House:
    return furnish(gateway)


def ask(client: Client, screen: str, query: str = "", file_format: str = "csv") -> Export:
    """Ask for a file in the dialog above the list, and let it be made."""
    name = f"admin:{screen.replace('.', '_')}_list_dialog"
    url = f"{reverse(name, args=['export'])}?{query}"
    answer = client.post(url, {"nonce": str(uuid.uuid4()), "file_format": file_format})
    assert answer.status_code == 302, answer.content
    make_all()
    return Export.objects.latest("id")


def one_sheet(*rows: list[str]) -> Book:
    return Book("A", [Sheet(["A"], rows)])


def make_all() -> None:
    for export in claim_exports(10):
        run_export(export, now=timezone.now())


def download(client: Client, export: Export) -> Any:
    url = reverse("admin:backoffice_export_dialog", args=[export.pk, "download"])
    return client.post(url, {"nonce": str(uuid.uuid4())})


def rows_of(client: Client, export: Export) -> list[dict[str, str]]:
    """Return the rows of a file, without its totals."""
    content = b"".join(download(client, export).streaming_content)
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    return [row for row in rows if TOTAL not in row.values()]


@pytest.mark.parametrize("query", ["", "status__exact=succeeded", "q=nothing"])
def test_a_file_has_the_rows_of_the_screen_in_their_order(
    house: House, enter_as: EnterAs, query: str
) -> None:
    client = enter_as("support_lead")
    for _ in range(30):
        confirmed_intent(amount=700)
    url = reverse("admin:payments_paymentintent_changelist")
    shown: list[str] = []
    more = f"?{query}"
    while more:
        page = client.get(url + more).context["cl"]
        shown += [row.pk for row in page.result_list]
        more = page.older_url

    export = ask(client, "payments.paymentintent", query)

    assert [row["Id"] for row in rows_of(client, export)] == shown
    assert export.rows == len(shown)


def test_amounts_are_decimals_beside_their_currency(house: House, enter_as: EnterAs) -> None:
    client = enter_as("finance")

    rows = rows_of(client, ask(client, "payments.paymentintent"))

    found = {(row["Amount"], row["Refunded"], row["Currency"], row["Status"]) for row in rows}
    assert ("10.50", "0.50", "EUR", "succeeded") in found
    assert ("2000", "0", "JPY", "failed") in found
    assert all(row["Created (UTC)"].endswith("+00:00") for row in rows)


def test_every_list_can_be_exported_and_says_what_it_shows(
    house: House, superuser_client: Client
) -> None:
    for screen in admin.site._registry.values():
        listed: Any = screen
        query = "" if listed.opts.model_name != "export" else "status__exact=done"
        url = reverse(f"admin:{listed.opts.app_label}_{listed.opts.model_name}_changelist")
        offered = superuser_client.get(url).context["dialogs"]
        assert any("/do/export/" in dialog["url"] for dialog in offered), listed
        shown: list[str] = []
        more = f"?{query}"
        while more:
            page = superuser_client.get(url + more).context["cl"]
            shown += [str(row.pk) for row in page.result_list]
            more = page.older_url

        export = ask(superuser_client, listed.opts.label_lower, query)

        assert (export.error, export.status) == ("", ExportStatus.DONE), listed
        rows = rows_of(superuser_client, export)
        # The download is an action of its own, and a session says when it was last used.
        if listed.opts.model_name in {"staffaction", "export"}:
            continue
        assert export.rows == len(rows) == len(shown), listed
        assert [row["Id"] for row in rows if "Id" in row] == [
            pk for pk in shown if "Id" in rows[0]
        ], listed


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_amounts_are_added_up_for_each_currency(
    house: House, enter_as: EnterAs, file_format: str
) -> None:
    client = enter_as("finance")
    sums = {
        currency: (to_major(amount, currency), to_major(received, currency))
        for currency, amount, received in PaymentIntent.objects.values_list("currency")
        .annotate(Sum("amount"), Sum("amount_received"))
        .order_by("currency")
    }

    export = ask(client, "payments.paymentintent", "", file_format)

    content = b"".join(download(client, export).streaming_content)
    if file_format == "csv":
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    else:
        page = openpyxl.load_workbook(io.BytesIO(content)).active
        lines = [[str(cell) for cell in line] for line in page.iter_rows(values_only=True)]
    titles, *rows = lines
    totals = [dict(zip(titles, row, strict=True)) for row in rows if row[0] == TOTAL]
    assert set(sums) == {"EUR", "JPY"}
    assert {
        row["Currency"]: (Decimal(row["Amount"]), Decimal(row["Received"])) for row in totals
    } == sums
    assert export.rows == len(rows) - len(totals) == PaymentIntent.objects.count()


def test_a_list_without_amounts_has_no_totals(house: House, enter_as: EnterAs) -> None:
    client = enter_as("finance")

    rows = rows_of(client, ask(client, "customers.customer"))

    assert len(rows) == 1


def test_a_workbook_keeps_numbers_and_leaves_text_alone(house: House, enter_as: EnterAs) -> None:
    client = enter_as("finance")
    formula = confirmed_intent(amount=1050, description="=HYPERLINK(1)")

    export = ask(client, "payments.paymentintent", "", "xlsx")
    content = b"".join(download(client, export).streaming_content)

    page = openpyxl.load_workbook(io.BytesIO(content)).active
    titles, *lines = page.iter_rows(values_only=True)
    paid = next(dict(zip(titles, line, strict=True)) for line in lines if line[0] == formula.pk)
    assert (paid["Amount"], paid["Currency"]) == (10.5, "EUR")
    assert paid["Description"] == "=HYPERLINK(1)"
    assert page.cell(2, titles.index("Description") + 1).data_type == "s"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_what_looks_like_a_formula_is_text(tmp_path: Path, start: str) -> None:
    sheet = Sheet(["Note", "Amount"], [[f"{start}1+1", Decimal("-1.50")]])

    write_csv(sheet, tmp_path / "a.csv")
    write_xlsx(Sheet(["Note"], [[f"{start}1+1"]]), tmp_path / "a.xlsx")

    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file))[1] == [f"'{start}1+1", "-1.50"]
    assert openpyxl.load_workbook(tmp_path / "a.xlsx").active.cell(2, 1).data_type == "s"


def test_a_workbook_goes_on_on_another_page(tmp_path: Path) -> None:
    sheet = Sheet(["Number"], ([number] for number in range(5)))

    assert write_xlsx(sheet, tmp_path / "a.xlsx", rows_max=3) == 5

    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert [[row[0] for row in page.values] for page in book] == [
        ["Number", 0, 1],
        ["Number", 2, 3],
        ["Number", 4],
    ]


def test_a_file_without_rows_has_its_titles(tmp_path: Path) -> None:
    assert write_xlsx(Sheet(["Number"], []), tmp_path / "a.xlsx") == 0
    assert openpyxl.load_workbook(tmp_path / "a.xlsx").active.cell(1, 1).value == "Number"


def test_the_file_is_what_its_digest_says_and_fetching_it_is_written_down(
    house: House, enter_as: EnterAs, folder: Path
) -> None:
    client = enter_as("finance")
    export = ask(client, "payments.refund")

    answer = download(client, export)
    content = b"".join(answer.streaming_content)

    assert hashlib.sha256(content).hexdigest() == export.sha256
    assert (export.size, len(list(folder.iterdir()))) == (len(content), 1)
    assert export.file_name in answer["Content-Disposition"]
    assert [action.action for action in StaffAction.objects.order_by("id")] == [
        "refund.export",
        "export.download",
    ]
    assert StaffAction.objects.latest("id").object_id == export.pk


def test_only_who_asked_fetches_a_file(
    house: House, enter_as: EnterAs, superuser_client: Client
) -> None:
    export = ask(enter_as("finance"), "payments.refund")

    stranger, auditor = enter_as("support_lead"), enter_as("auditor")
    page = reverse("admin:backoffice_export_change", args=[export.pk])

    assert stranger.get(page).status_code == 404
    assert download(stranger, export).status_code == 404
    assert auditor.get(page).status_code == 200
    for other in (auditor, superuser_client):
        refused = download(other, export)
        assert refused.status_code == 422
        assert "only who asked for a file may fetch it" in refused.content.decode()


def test_a_file_shows_no_people_to_who_may_not_see_them(house: House, enter_as: EnterAs) -> None:
    agent, auditor = enter_as("finance"), enter_as("auditor")

    seen, masked = (rows_of(it, ask(it, "customers.customer")) for it in (agent, auditor))

    assert "ada@payer.example" in str(seen)
    assert "ada@payer.example" not in str(masked)
    assert "a•••@payer.example" in str(masked)


def test_who_lost_the_right_meanwhile_gets_no_file(house: House, enter_as: EnterAs) -> None:
    enter_as("finance")
    user = User.objects.get(email="finance@shop.example")
    export = request_export(
        user=user,
        source="payments.refund",
        title="",
        query="",
        file_format="csv",
        now=timezone.now(),
    )
    user.groups.clear()

    for _ in range(EXPORT_ATTEMPTS):
        Export.objects.update(leased_until=None)
        make_all()

    export.refresh_from_db()
    assert (export.status, export.rows) == (ExportStatus.FAILED, None)
    assert export.error == "PermissionDenied: payments.refund"


def test_a_failed_file_is_tried_again_by_hand(house: House, enter_as: EnterAs) -> None:
    client = enter_as("finance")
    export = ask(client, "payments.refund")
    Export.objects.update(status=ExportStatus.FAILED, error="OSError: disk full", attempts=3)

    url = reverse("admin:backoffice_export_dialog", args=[export.pk, "retry"])
    client.post(url, {"nonce": str(uuid.uuid4())})
    make_all()

    export.refresh_from_db()
    assert (export.status, export.attempts, export.error) == (ExportStatus.DONE, 1, "")


def test_a_file_that_another_worker_took_over_is_not_finished_twice(house: House) -> None:
    request_export(
        user=staff(is_superuser=True),
        source="payments.refund",
        title="",
        query="",
        file_format="csv",
        now=timezone.now(),
    )
    (slow,) = claim_exports(1)
    assert claim_exports(1) == []
    Export.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    (fast,) = claim_exports(1)

    produce_export(slow, read=lambda _: one_sheet(["late"]), now=timezone.now())
    assert Export.objects.get().status == ExportStatus.WAITING
    produce_export(fast, read=lambda _: one_sheet(["1"], ["2"]), now=timezone.now())

    assert Export.objects.get().rows == 2


def test_files_end_after_a_week(house: House, enter_as: EnterAs, folder: Path) -> None:
    client = enter_as("finance")
    export = ask(client, "payments.refund")

    assert expire_exports(now=export.expires_at - timedelta(seconds=1)) == 0
    assert expire_exports(now=export.expires_at) == 1

    assert list(folder.iterdir()) == []
    assert download(client, export).status_code == 422
    assert Export.objects.get().status == ExportStatus.EXPIRED


def test_who_may_not_export_is_offered_nothing(house: House, enter_as: EnterAs) -> None:
    exporters = {role for role in ROLES if "backoffice.export_rows" in ROLES[role]}
    url = reverse("admin:payments_refund_list_dialog", args=["export"])

    answers = {role: enter_as(role).get(url).status_code for role in ROLES if role != "admin"}

    assert exporters == {
        "support_lead", "finance", "finance_lead", "risk_lead", "ops", "auditor"
    }  # fmt: skip
    assert {role for role, status in answers.items() if status == 200} == exporters


def test_a_cell_in_words() -> None:
    at = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    assert plain(stacked("Ada & Co", "cus_1")) == "Ada & Co cus_1"
    assert plain(moment(at)) == "2026-11-21T12:00:00+00:00"
