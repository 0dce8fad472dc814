"""The order of checks and the shape of answers, through the test client."""

from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import Client

from apps.api.models import Merchant
from tests.api.resource import Script
from tests.conftest import ApiClient

pytestmark = [pytest.mark.urls("tests.api.resource"), pytest.mark.django_db]

FORM = "application/x-www-form-urlencoded"


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_every_answer_says_what_it_is(api: ApiClient) -> None:
    answer = api.post("/v1/notes", {"amount": 1}, key="k")

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Api-Version"] == settings.API_VERSION
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Idempotency-Key"] == "k"
    assert answer.headers["RateLimit-Limit"] == "100"
    assert "Set-Cookie" not in answer.headers
    assert "Vary" not in answer.headers


def test_the_error_object_is_whole_and_repeats_the_request_id(api: ApiClient) -> None:
    answer = api.post("/v1/notes", {"amount": 1, "metadata": {"a": 1}})

    assert answer.json() == {
        "error": {
            "type": "invalid_request_error",
            "code": "metadata_invalid",
            "message": "metadata[a] must be a string.",
            "param": "metadata[a]",
            "doc_url": f"{settings.PUBLIC_BASE_URL}/docs/errors#metadata_invalid",
            "request_id": answer.headers["Request-Id"],
            "retryable": False,
        }
    }


def test_a_fault_of_ours_tells_nothing_of_the_inside(api: ApiClient) -> None:
    def stumble(_view: object) -> None:
        raise RuntimeError("SELECT secret FROM safe")

    Script.step = stumble
    answer = api.post("/v1/notes", {"amount": 1})

    assert code_of(answer) == (500, "internal_error")
    error = answer.json()["error"]
    assert (error["type"], error["retryable"]) == ("api_error", True)
    assert answer.headers["Stripe-Should-Retry"] == "true"
    for inside in (b"SELECT", b"safe", b"RuntimeError", b"Traceback", b".py"):
        assert inside not in answer.content


def test_a_database_that_takes_nobody_is_answered_503_and_the_request_may_be_repeated(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: object, **_options: object) -> None:
        raise OperationalError("FATAL: sorry, too many clients already")

    with monkeypatch.context() as full:
        full.setattr(DatabaseWrapper, "create_cursor", away)
        answers = [api.get("/v1/notes"), api.post("/v1/notes", {"amount": 1}, key="k")]

    for answer in answers:
        assert code_of(answer) == (503, "service_unavailable")
        assert (answer.headers["Retry-After"], answer.headers["Stripe-Should-Retry"]) == (
            "1", "true",
        )  # fmt: skip
        assert b"clients" not in answer.content
    assert api.post("/v1/notes", {"amount": 1}, key="k").status_code == 200


def test_a_form_with_brackets_does_what_json_does(api: ApiClient) -> None:
    body = b"amount=5&address[city]=Ulm&metadata[a]=1&tags[]=x&flag=false"

    answer = api.post_raw("/v1/notes", body, content_type=FORM)

    assert answer.status_code == 200
    assert answer.json()["amount"] == 5


def test_parameters_of_a_post_may_stand_in_the_query_but_not_twice(api: ApiClient) -> None:
    assert api.post("/v1/notes?amount=5").json()["amount"] == 5
    assert code_of(api.post("/v1/notes?amount=5", {"amount": 5})) == (400, "duplicate_key")


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_other_methods_are_405_and_say_what_is_possible(api: ApiClient, method: str) -> None:
    answer = getattr(Client(), method)(
        "/v1/notes", headers={"Authorization": f"Bearer {api.secret_key}"}
    )

    assert code_of(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST"


def test_a_head_is_a_get_without_the_body(api: ApiClient) -> None:
    answer = Client().head("/v1/notes", headers={"Authorization": f"Bearer {api.secret_key}"})

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        ("text/html,*/*;q=0.8", 200),
        ("application/*", 200),
        ("text/html", 406),
        ("application/xml", 406),
    ],
)
def test_answers_are_json_or_406(api: ApiClient, accept: str, status: int) -> None:
    assert api.get("/v1/notes", Accept=accept).status_code == status


def test_a_body_over_a_mebibyte_is_413_and_nothing_runs(api: ApiClient) -> None:
    body = b'{"amount":1,"text":"' + b"x" * 1024 * 1024 + b'"}'

    answer = api.post_raw("/v1/notes", body)

    assert code_of(answer) == (413, "body_too_large")
    assert Script.runs == 0


@pytest.mark.parametrize(
    ("headers", "content_type", "status"),
    [
        ({}, "text/plain", 415),
        ({}, "application/json; charset=latin-1", 415),
        ({"Content-Encoding": "gzip"}, "application/json", 415),
        ({"Api-Version": "2020-01-01"}, "application/json", 400),
        ({"Host": "a b"}, "application/json", 400),
        ({"Content-Length": "x"}, "application/json", 400),
    ],
)
def test_headers_that_do_not_fit_are_refused(
    api: ApiClient, headers: dict[str, str], content_type: str, status: int
) -> None:
    answer = api.post_raw("/v1/notes", b'{"amount":1}', content_type=content_type, **headers)

    assert answer.status_code == status
    assert answer.headers["Request-Id"] == answer.json()["error"]["request_id"]
    assert Merchant.objects.count() == 1


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/", "/v1/notes/", "/v1/notes/%00", "/v1//"])
def test_an_unknown_address_is_404_in_the_error_object(api: ApiClient, path: str) -> None:
    assert code_of(api.get(path)) == (404, "url_unknown")


def test_a_key_is_asked_for_before_anything_else() -> None:
    answer = Client().post("/v1/notes", b"x" * 2_000_000, content_type="text/plain")

    assert answer.status_code == 401


def test_stripes_sdks_are_told_their_version(api: ApiClient) -> None:
    answer = api.get("/v1/notes", Stripe_Version="2024-06-20")

    assert answer.headers["Stripe-Version"] == settings.STRIPE_API_VERSION
    assert "Stripe-Version" not in api.get("/v1/notes").headers


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=1e1",
        "limit=",
        "limit=1&limit=2",
        "limit=%D9%A1",
        "page=0",
        "ordering=password",
        "starting_after=",
        "starting_after=" + "x" * 20_000,
        "starting_after=a%00",
        "starting_after=a&ending_before=b",
        "created=abc",
        "created[gte]=0001-01-01T00:00:00%2B23:59",
        "created[gte]=99999999999999",
        "created[gte]=-1",
        "created[near]=1",
        "created[gte][gte]=1",
        "search=%00",
        "search=%ff",
        "[x]=1",
        "a[=1",
    ],
)
def test_query_strings_that_make_no_sense_are_400(api: ApiClient, query: str) -> None:
    answer = api.get(f"/v1/notes?{query}")

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("bound", ["0", "253402300799", "253402300798"])
@pytest.mark.parametrize("test", ["gt", "gte", "lt", "lte"])
def test_the_ends_of_time_are_no_error(api: ApiClient, bound: str, test: str) -> None:
    assert api.get(f"/v1/notes?created[{test}]={bound}").status_code == 200
    assert api.get(f"/v1/notes?created={bound}").status_code == 200
