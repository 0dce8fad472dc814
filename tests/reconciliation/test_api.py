"""Finance uploads statements, starts runs and resolves exceptions through the API."""

import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.api.models import Merchant
from apps.common.origin import Scope
from apps.reconciliation.models import BankLine, ReconciliationRun, StatementChunk, StatementFile
from tests.conftest import ApiClient
from tests.fake_gateway import FakeGateway
from tests.reconciliation.statements import GATEWAY, csv_of, stripe_row

pytestmark = pytest.mark.django_db

STRANGE = stripe_row(reference="txn_1", category="charge", source="ch_1", gross=700, fee=50)


def send(secret_key: str, content: bytes, **fields: str) -> Any:
    upload = SimpleUploadedFile("report.csv", content, content_type="text/csv")
    return Client().post(
        "/v1/reconciliation/files",
        {"file": upload, "format": "stripe", "source": GATEWAY, **fields},
        headers={
            "Authorization": f"Bearer {secret_key}",
            "Idempotency-Key": str(uuid.uuid4()),
        },
    )


def test_a_bad_row_is_refused_alone_and_named_by_its_line(
    gateway: FakeGateway, secret_key: str
) -> None:
    broken = STRANGE | {"balance_transaction_id": "txn_2", "gross": "seven"}

    answer = send(secret_key, csv_of([STRANGE, broken]))

    file = answer.json()
    assert answer.status_code == 200
    assert file["lines"] == {"duplicate": 0, "elsewhere": 0, "known": 0, "new": 1, "refused": 1}
    assert file["refusals"][0]["line"] == 3
    assert file["refusals"][0]["reason"] == "'seven' is no amount"


def test_a_file_of_something_else_is_refused_and_leaves_nothing(
    gateway: FakeGateway, secret_key: str
) -> None:
    answer = send(secret_key, b"a,b\n1,2\n")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "statement_unreadable")
    assert not StatementFile.objects.exists()


CAMT = b'<?xml version="1.0" encoding="%s"?>%s<Document><BkToCstmrStmt><Stmt>%s'
ENTRY = b'<Ntry><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Ntry>'


@pytest.mark.parametrize(
    ("format_", "content", "reason"),
    [
        ("camt053", CAMT % (b"utf-8", b'<!DOCTYPE a [<!ENTITY b "c">]>', b""), "a document type"),
        ("camt053", CAMT % (b"klingon", b"", b""), "an unknown encoding"),
        ("camt053", CAMT % (b"utf-8", b"", ENTRY), "no element found: line 1"),
        ("bank_csv", b"booking_date;amount;currency;reference\n", "divided by semicolons"),
        ("bank_csv", "booking_date,amount".encode("utf-16"), "column booking_date is missing"),
        ("stripe", b"x" * 100_000, "column balance_transaction_id is missing"),
        ("adyen", b"", "column Psp Reference is missing"),
    ],
    ids=["doctype", "encoding", "truncated", "semicolons", "utf-16", "one line", "empty"],
)
def test_a_broken_file_is_refused_with_its_reason_and_leaves_nothing(
    gateway: FakeGateway, secret_key: str, format_: str, content: bytes, reason: str
) -> None:
    answer = send(secret_key, content, format=format_)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "statement_unreadable")
    assert reason in error["message"]
    assert not StatementFile.objects.exists()
    assert not StatementChunk.objects.exists()
    assert not BankLine.objects.exists()


@pytest.mark.parametrize("day", ["0001-01-01", "1969-12-31", "9999-12-31"])
def test_a_day_of_no_year_with_statements_is_refused(
    gateway: FakeGateway, api: ApiClient, day: str
) -> None:
    answer = api.post("/v1/reconciliation/runs", {"gateway": GATEWAY, "date": day, "fetch": True})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "date")
    assert not ReconciliationRun.objects.exists()


def test_a_run_opens_an_exception_which_is_resolved(
    gateway: FakeGateway, api: ApiClient, secret_key: str
) -> None:
    send(secret_key, csv_of([STRANGE]))
    run = api.post("/v1/reconciliation/runs", {"gateway": GATEWAY, "date": "2026-11-18"}).json()
    assert run["exceptions"] == {"closed": 0, "open": 1, "opened": 1}
    assert run["difference"] == {"eur": 650}
    listed = api.get("/v1/reconciliation/exceptions", {"status": "open"}).json()["data"]
    path = f"/v1/reconciliation/exceptions/{listed[0]['id']}"

    resolved = api.post(f"{path}/resolve", {"action": "correct", "reason": "found it"}).json()

    assert resolved["status"] == "resolved"
    assert resolved["resolution"]["journal"].startswith("jrn_")
    assert api.get(path).json() == resolved
    again = api.post(f"{path}/resolve", {"action": "ignore", "reason": "twice"})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "exception_resolved")


def test_a_gateway_that_is_not_ours_is_refused(gateway: FakeGateway, api: ApiClient) -> None:
    answer = api.post("/v1/reconciliation/runs", {"gateway": "other", "date": "2026-11-18"})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "gateway")


def test_another_merchants_file_does_not_exist(
    gateway: FakeGateway, api: ApiClient, secret_key: str, merchant: Merchant
) -> None:
    file = send(secret_key, csv_of([STRANGE])).json()
    StatementFile.objects.filter(pk=file["id"]).update(merchant_id="mer_other")
    assert Scope(merchant.id, livemode=False).merchant_id != "mer_other"

    assert api.get(f"/v1/reconciliation/files/{file['id']}").status_code == 404
