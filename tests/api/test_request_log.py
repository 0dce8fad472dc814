"""The request log: who asked what, without secrets and people, off the way of the request."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DataError, OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apps.api import request_log
from apps.api.models import ApiKey, LoggedRequest
from apps.api.partitions import keep_request_log
from apps.api.request_log import Note, forget_notes, log_request, write_log
from apps.common.ids import id_at, new_id
from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db

PAY = {"amount": 1000, "currency": "eur", "receipt_email": "ada@payer.example"}


@pytest.fixture(autouse=True)
def _log(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep notes, which each test writes by itself."""
    settings.REQUEST_LOG_ENABLED = True
    monkeypatch.setattr(request_log, "_start_writer", lambda: None)
    yield
    forget_notes()


def note(**changed: Any) -> Note:
    facts = {
        "request_id": new_id("req"),
        "merchant_id": "mer_1",
        "livemode": False,
        "key_id": "key_1",
        "method": "POST",
        "path": "/v1/refunds",
        "status": 200,
        "duration_ms": 3,
        "ip": "203.0.113.9",
        "user_agent": "",
        "dialect": "own",
        "idempotency_key": "k",
        "original_request": "",
        "params": {"amount": 1},
        "answer": '{"id":"re_1"}',
        "answered_at": 0.0,
    }
    return Note(**{**facts, **changed})


def days() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
            " WHERE inhparent = 'api_loggedrequest'::regclass ORDER BY relname"
        )
        return [name.removeprefix("api_loggedrequest_") for (name,) in cursor.fetchall()]


def test_a_request_is_found_by_its_id_with_caller_and_redacted_bodies(api: ApiClient) -> None:
    answer = api.post("/v1/payment_intents", PAY, key="order-7", User_Agent="Shop/1.0")

    assert write_log() == 1

    row = LoggedRequest.objects.get(pk=answer["Request-Id"])
    key = ApiKey.objects.get()
    assert (row.merchant_id, row.livemode, row.key_id) == (key.merchant_id, False, key.id)
    assert (row.method, row.path, row.status, row.error_code) == (
        "POST",
        "/v1/payment_intents",
        200,
        "",
    )
    assert (row.ip, row.user_agent, row.dialect) == ("127.0.0.1", "Shop/1.0", "own")
    assert (row.idempotency_key, row.original_request) == ("order-7", "")
    assert json.loads(row.request) == {**PAY, "receipt_email": "[redacted]"}
    response = json.loads(row.response)
    assert response["id"] == answer.json()["id"]
    assert response["client_secret"] == response["receipt_email"] == "[redacted]"


def test_a_refusal_is_kept_with_its_code(api: ApiClient) -> None:
    answer = api.post("/v1/payment_intents", {**PAY, "amount": 1})

    write_log()

    row = LoggedRequest.objects.get()
    assert (row.status, row.error_code) == (400, "amount_too_small")
    assert json.loads(row.response)["error"]["request_id"] == answer["Request-Id"] == row.id


def test_a_replay_names_the_request_whose_answer_it_sent(api: ApiClient) -> None:
    first = api.post("/v1/payment_intents", PAY, key="k")
    second = api.post("/v1/payment_intents", PAY, key="k")

    write_log()

    row = LoggedRequest.objects.get(pk=second["Request-Id"])
    assert row.original_request == first["Request-Id"]


def test_of_a_read_the_query_is_kept_and_the_answer_is_not(api: ApiClient) -> None:
    api.get("/v1/customers", {"email": "ada@payer.example", "limit": "3"})

    write_log()

    row = LoggedRequest.objects.get()
    assert json.loads(row.request) == {"email": "[redacted]", "limit": "3"}
    assert (row.status, row.response) == (200, "")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/payment_intents", {"description": "4000056655665556"}),
        ("/v1/payment_intents/4000056655665556/confirm", {}),
    ],
)
def test_card_data_is_not_even_kept_when_it_is_refused(
    api: ApiClient, path: str, body: dict[str, Any]
) -> None:
    api.post(path, body)

    write_log()

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), bool_or(t::text LIKE '%4000056%') FROM api_loggedrequest t"
        )
        assert cursor.fetchone() == (1, False)


def test_a_request_without_a_key_is_nobodys(client: Client) -> None:
    client.get("/v1/customers")

    assert write_log() == 0


def test_a_body_that_is_large_or_of_unknown_length_is_not_held(api: ApiClient) -> None:
    api.post("/v1/payment_intents", {**PAY, "description": "x" * 70_000})
    api.get("/v1/customers", Transfer_Encoding="chunked")

    write_log()

    assert {row.request for row in LoggedRequest.objects.all()} == {'{"": "[too long to be kept]"}'}


def test_a_long_answer_is_cut() -> None:
    log_request(note(answer="x" * 100_000))

    write_log()

    assert LoggedRequest.objects.get().response == "x" * 8000 + "…"


def test_the_log_costs_a_request_no_statement(
    api: ApiClient, settings: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    intent = api.post("/v1/payment_intents", PAY).json()["id"]

    with django_assert_num_queries(1):
        api.get(f"/v1/payment_intents/{intent}")


def test_while_the_database_is_away_notes_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_batch: Any) -> None:
        raise OperationalError("gone")

    log_request(note(request_id="req_1"))
    with monkeypatch.context() as patch:
        patch.setattr(request_log, "_copy", away)
        assert write_log() == 0

    assert write_log() == 1
    assert LoggedRequest.objects.get().id == "req_1"


def test_notes_that_can_never_be_written_hold_up_no_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def poisoned(_batch: Any) -> None:
        raise DataError("no such date")

    log_request(note())
    with monkeypatch.context() as patch:
        patch.setattr(request_log, "_copy", poisoned)
        assert write_log() == 0

    assert "1 requests are missing in the request log" in caplog.text
    assert write_log() == 0


def test_a_process_keeps_the_newest_of_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(request_log.MAX_WAITING + 5):
        log_request(note())

    assert write_log() == request_log.MAX_WAITING


def test_days_are_made_ahead_and_dropped_after_the_retention(settings: Any) -> None:
    settings.REQUEST_LOG_RETENTION_DAYS = 30
    today = datetime(2031, 3, 1, 12, tzinfo=UTC)

    assert keep_request_log(now=today - timedelta(days=31)) > 0
    assert "2031_01_29" in days()
    assert keep_request_log(now=today - timedelta(days=31)) == 0
    old = LoggedRequest(id=id_at("req", today - timedelta(days=31)), created_at=today, **facts())
    kept = LoggedRequest(id=id_at("req", today - timedelta(days=30)), created_at=today, **facts())
    early = LoggedRequest(
        id=id_at("req", datetime(2001, 1, 1, tzinfo=UTC)), created_at=today, **facts()
    )
    LoggedRequest.objects.bulk_create([old, kept, early])

    keep_request_log(now=today)

    assert days() == [
        "2031_01_30", "2031_01_31", "2031_03_01", "2031_03_02", "2031_03_03", "default",
    ]  # fmt: skip
    assert [row.id for row in LoggedRequest.objects.all()] == [kept.id]


def facts() -> dict[str, Any]:
    return {"livemode": False, "status": 200, "duration_ms": 1}


def test_the_day_of_today_has_a_partition_of_its_own() -> None:
    keep_request_log(now=timezone.now())

    assert f"{timezone.now():%Y_%m_%d}" in days()
