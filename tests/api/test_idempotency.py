import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import RequestFactory
from django.utils import timezone
from psycopg.errors import DeadlockDetected, SerializationFailure
from pytest_django import DjangoAssertNumQueries

from apps.api.errors import RateLimited, error_headers
from apps.api.idempotency import (
    IdempotencyKeyInUse,
    IdempotencyKeyInvalid,
    IdempotencyKeyRequired,
    fingerprint_of,
    read_key,
)
from apps.api.models import IdempotencyKey, Merchant
from apps.api.parsers import parse_json
from apps.api.services import create_api_key, create_merchant, expire_idempotency_keys
from apps.api.views import ApiView
from apps.common.errors import DomainError, InvalidParameter
from apps.common.fsm import IllegalTransition
from tests.api.resource import Script
from tests.conftest import ApiClient

pytestmark = [pytest.mark.urls("tests.api.resource")]

PATHS = ["/v1/notes", "/v1/gateway_notes", "/v1/late_notes"]


class CardRefused(DomainError):
    code = "card_declined"
    type = "card_error"
    status = 402


def error_of(answer: Any) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["type"], error["code"]


def count_notes() -> int:
    return Merchant.objects.exclude(name="Ada's books").count()


def refuse_with(error: Exception) -> None:
    def step(_view: ApiView) -> None:
        raise error

    Script.step = step


# --- AC-01, AC-02, AC-03, AC-04 -------------------------------------------------------------------


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", PATHS)
def test_ac_001_of_parallel_requests_with_one_key_one_executes(secret_key: str, path: str) -> None:
    start = threading.Barrier(16)

    def press() -> Any:
        start.wait()
        try:
            return ApiClient(secret_key).post(path, {"amount": 7}, key="double-click")
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=16) as pool:
        answers = [future.result() for future in [pool.submit(press) for _ in range(16)]]

    done = [answer for answer in answers if answer.status_code == 200]
    busy = [answer for answer in answers if answer.status_code != 200]
    assert count_notes() == 1
    assert len({answer.content for answer in done}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in done) == 1
    for answer in busy:
        assert error_of(answer) == (409, "idempotency_error", "idempotency_key_in_use")
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["Stripe-Should-Retry"] == "true"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.django_db
def test_ac_001_a_replay_has_the_same_bytes_and_says_so(api: ApiClient, path: str) -> None:
    first = api.post(path, {"amount": 7}, key="k")
    again = api.post(path, {"amount": 7}, key="k")

    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == first.headers["Request-Id"]
    assert again.headers["Request-Id"] != first.headers["Request-Id"]
    assert "Idempotent-Replayed" not in first.headers
    assert count_notes() == 1


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.django_db
def test_ac_002_the_same_key_with_other_parameters_is_refused(api: ApiClient, path: str) -> None:
    first = api.post(path, {"amount": 4999}, key="k")
    other = api.post(path, {"amount": 5000}, key="k")
    again = api.post(path, {"amount": 4999}, key="k")

    assert error_of(other) == (400, "idempotency_error", "idempotency_key_reused")
    assert again.content == first.content
    assert count_notes() == 1


@pytest.mark.django_db
def test_ac_002_the_same_key_on_another_path_is_refused(api: ApiClient) -> None:
    api.post("/v1/notes", {"amount": 1}, key="k")

    other = api.post("/v1/other_notes", {"amount": 1}, key="k")

    assert error_of(other) == (400, "idempotency_error", "idempotency_key_reused")
    assert count_notes() == 1


@pytest.mark.django_db
def test_ac_003_order_and_blanks_of_json_do_not_count(api: ApiClient) -> None:
    first = api.post_raw("/v1/notes", b'{"amount":1,"metadata":{"a":"1","b":"2"}}', key="k")
    again = api.post_raw(
        "/v1/notes", b' { "metadata" : {"b":"2", "a":"\\u0031"}, "amount" : 1 }', key="k"
    )

    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.django_db
def test_ac_003_order_of_a_form_does_not_count(api: ApiClient) -> None:
    form = "application/x-www-form-urlencoded"
    first = api.post_raw("/v1/notes", b"amount=1&metadata[a]=x", key="k", content_type=form)
    again = api.post_raw("/v1/notes", b"metadata%5Ba%5D=x&amount=1", key="k", content_type=form)

    assert again.content == first.content


@pytest.mark.django_db
def test_ac_003_a_number_with_a_point_is_refused_before_it_is_compared(api: ApiClient) -> None:
    first = api.post_raw("/v1/notes", b'{"amount":10}', key="k")
    other = api.post_raw("/v1/notes", b'{"amount":10.0}', key="other")

    assert first.status_code == 200
    assert error_of(other) == (400, "invalid_request_error", "amount_invalid")


def test_ac_003_the_fingerprint_sees_method_path_and_values() -> None:
    params = parse_json(b'{"a":[1,"1",{"b":null}]}')
    same = parse_json(b'{"a":[1,"1",{"b":null}] }')

    assert fingerprint_of("POST", "/v1/x", params) == fingerprint_of("POST", "/v1/x", same)
    others = [
        ("POST", "/v1/y", params),
        ("DELETE", "/v1/x", params),
        ("POST", "/v1/x", {"a": ["1", "1", {"b": None}]}),
        ("POST", "/v1/x", {"a": ["1", 1, {"b": None}]}),
    ]
    assert len({fingerprint_of(*other) for other in others}) == len(others)


@pytest.mark.django_db
def test_ac_004_keys_belong_to_one_merchant_in_one_mode(api: ApiClient, merchant: Merchant) -> None:
    now = timezone.now()
    _, live = create_api_key(merchant=merchant, livemode=True, now=now)
    stranger = create_merchant(name="Ada's books", now=now)
    _, foreign = create_api_key(merchant=stranger, livemode=False, now=now)

    answers = [
        client.post("/v1/notes", {"amount": 1}, key="same")
        for client in (api, ApiClient(live), ApiClient(foreign))
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.content for answer in answers}) == 3
    assert all("Idempotent-Replayed" not in answer.headers for answer in answers)


# --- AC-05, AC-06, AC-97 --------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.django_db
def test_ac_005_a_refused_request_leaves_its_key_for_the_corrected_one(
    api: ApiClient, path: str
) -> None:
    refused = api.post(path, {"amount": 0}, key="k")
    assert refused.status_code == 400
    assert not IdempotencyKey.objects.exists()

    corrected = api.post(path, {"amount": 1}, key="k")

    assert corrected.status_code == 200
    assert count_notes() == 1


@pytest.mark.parametrize("status", [400, 403, 404, 409, 415, 429, 502, 503])
@pytest.mark.django_db
def test_ac_005_refusals_of_a_service_are_not_stored(api: ApiClient, status: int) -> None:
    refusal = InvalidParameter("no")
    refusal.__class__ = type("Refusal", (InvalidParameter,), {"status": status})
    refuse_with(refusal)

    answer = api.post("/v1/notes", {"amount": 1}, key="k")

    assert answer.status_code == status
    assert not IdempotencyKey.objects.exists()
    assert count_notes() == 0


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.django_db
def test_ac_006_a_decline_is_stored_and_replayed(api: ApiClient, path: str) -> None:
    refuse_with(CardRefused("Declined.", decline_code="insufficient_funds"))
    first = api.post(path, {"amount": 1}, key="k")
    Script.step = None

    again = api.post(path, {"amount": 1}, key="k")
    anew = api.post(path, {"amount": 1}, key="new")

    assert error_of(first) == (402, "card_error", "card_declined")
    assert first.json()["error"]["decline_code"] == "insufficient_funds"
    assert (again.status_code, again.content) == (402, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert anew.status_code == 200


@pytest.mark.django_db
def test_ac_097_a_rate_limited_request_is_not_stored(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def empty(_key_id: str, *, write: bool, address: str) -> None:
        raise RateLimited(limit=1, subject="key", retry_after=2)

    with monkeypatch.context() as full:
        full.setattr("apps.api.views.take_token", empty)
        answer = api.post("/v1/notes", {"amount": 1}, key="k")

    assert error_of(answer) == (429, "rate_limit_error", "rate_limit")
    assert answer.headers["Retry-After"] == "2"
    assert not IdempotencyKey.objects.exists()
    assert Script.runs == 0
    later = api.post("/v1/notes", {"amount": 1}, key="k")
    assert (later.status_code, count_notes()) == (200, 1)
    assert "Idempotent-Replayed" not in later.headers


# --- AC-07 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        ('"a\\"b\\\\c"', 'a"b\\c'),
        (" abc ", "abc"),
        ("a b", "a b"),
        ("x" * 255, "x" * 255),
        ('"' + "x" * 255 + '"', "x" * 255),
    ],
)
def test_ac_007_a_quoted_key_equals_the_bare_one(header: str, key: str) -> None:
    request = RequestFactory().post("/", headers={"Idempotency-Key": header})

    assert read_key(request) == key


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        '""',
        '"',
        '"abc',
        'ab"c"\x01',
        "a,b",
        "a, a",
        "x" * 256,
        '"' + "x" * 256 + '"',
        "a\tb",
        "a\x00b",
        "a\x7fb",
        "é",
        "\u0430bc",
        '"a" "b"',
    ],
)
def test_ac_007_malformed_keys_are_refused(header: str) -> None:
    request = RequestFactory().post("/")
    request.META["HTTP_IDEMPOTENCY_KEY"] = header

    with pytest.raises(IdempotencyKeyInvalid) as refusal:
        read_key(request)

    assert refusal.value.status == 400


def test_ac_007_a_post_needs_a_key() -> None:
    with pytest.raises(IdempotencyKeyRequired) as refusal:
        read_key(RequestFactory().post("/"))

    assert (refusal.value.status, refusal.value.code) == (400, "idempotency_key_required")


@pytest.mark.django_db
def test_ac_007_a_get_ignores_the_key(api: ApiClient) -> None:
    for key in ("same", "same", "a,b"):
        assert api.get("/v1/notes", Idempotency_Key=key).status_code == 200

    assert not IdempotencyKey.objects.exists()


# --- AC-08, AC-09, AC-10, AC-12 -------------------------------------------------------------------


def age_keys(*, seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE api_idempotencykey SET created_at = now() - make_interval(secs => %s)",
            [seconds],
        )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("seconds", "runs"), [(86_398, 1), (86_401, 2)])
@pytest.mark.django_db
def test_ac_008_a_key_is_free_again_after_a_day(
    api: ApiClient, path: str, seconds: int, runs: int
) -> None:
    api.post(path, {"amount": 1}, key="k")
    age_keys(seconds=seconds)

    again = api.post(path, {"amount": 1}, key="k")

    assert again.status_code == 200
    assert count_notes() == runs


@pytest.mark.django_db
def test_ac_008_old_keys_are_deleted_and_young_ones_stay(api: ApiClient) -> None:
    for key in ("a", "b", "c"):
        api.post("/v1/notes", {"amount": 1}, key=key)
    age_keys(seconds=86_401)
    api.post("/v1/notes", {"amount": 1}, key="d")

    assert expire_idempotency_keys(now=timezone.now()) == 3
    assert [row.key for row in IdempotencyKey.objects.all()] == ["d"]


def die_after_remembering(object_id: str) -> None:
    """Leave the claim as a process does that is killed after its first transaction."""

    def step(view: ApiView) -> None:
        assert view.claim is not None
        if not view.claim.is_held:
            with connection.cursor() as cursor:
                row = json.dumps(view.claim.row(object_id=object_id))
                cursor.execute("SELECT api_claim(%s::jsonb)", [row])
        elif object_id:
            view.claim.remember(object_id)
        raise KeyboardInterrupt

    Script.step = step


def end_leases() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE api_idempotencykey SET leased_until = now() - interval '1 second'")


@pytest.mark.parametrize("path", ["/v1/gateway_notes", "/v1/late_notes"])
@pytest.mark.django_db
def test_ac_009_a_retry_after_a_crash_goes_on_from_the_recovery_point(
    api: ApiClient, path: str
) -> None:
    die_after_remembering("pi_first")
    with pytest.raises(KeyboardInterrupt):
        api.post(path, {"amount": 1}, key="k")

    seen: list[str] = []
    Script.step = lambda view: seen.append(view.claim.object_id if view.claim else "no claim")
    early = api.post(path, {"amount": 1}, key="k")
    end_leases()
    later = api.post(path, {"amount": 1}, key="k")

    assert error_of(early)[2] == "idempotency_key_in_use"
    assert later.status_code == 200
    assert seen[-1] == "pi_first"
    assert IdempotencyKey.objects.get().object_id == "pi_first"


@pytest.mark.django_db
def test_ac_009_another_request_cannot_take_over_the_key_of_a_dead_one(api: ApiClient) -> None:
    die_after_remembering("")
    with pytest.raises(KeyboardInterrupt):
        api.post("/v1/gateway_notes", {"amount": 1}, key="k")
    end_leases()

    other = api.post("/v1/gateway_notes", {"amount": 2}, key="k")

    assert error_of(other)[2] == "idempotency_key_reused"


@pytest.mark.django_db
def test_ac_009_a_run_whose_claim_was_taken_over_commits_nothing(api: ApiClient) -> None:
    def lose_the_claim(_view: ApiView) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE api_idempotencykey SET lease_token = gen_random_uuid()")

    Script.step = lose_the_claim
    answer = api.post("/v1/notes", {"amount": 1}, key="k")

    assert error_of(answer) == (503, "api_error", "service_unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert count_notes() == 0


LOST: list[type[Exception]] = [SerializationFailure, DeadlockDetected]


def lost_transaction(cause: type[Exception]) -> OperationalError:
    error = OperationalError("others were faster")
    error.__cause__ = cause()
    return error


@pytest.mark.parametrize("cause", LOST)
@pytest.mark.django_db
def test_ac_010_a_transaction_that_lost_is_run_again(
    api: ApiClient, cause: type[Exception]
) -> None:
    def fail_twice(_view: ApiView) -> None:
        if Script.runs < 3:
            raise lost_transaction(cause)

    Script.step = fail_twice
    answer = api.post("/v1/notes", {"amount": 1}, key="k")

    assert answer.status_code == 200
    assert Script.runs == 3
    assert count_notes() == 1


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("cause", LOST)
@pytest.mark.django_db
def test_ac_010_a_transaction_that_keeps_losing_is_answered_503_and_its_key_is_free(
    api: ApiClient, path: str, cause: type[Exception]
) -> None:
    refuse_with(lost_transaction(cause))
    lost = api.post(path, {"amount": 1}, key="k")
    Script.step = None
    again = api.post(path, {"amount": 1}, key="k")

    assert error_of(lost) == (503, "api_error", "service_unavailable")
    assert lost.headers["Retry-After"] == "1"
    assert lost.headers["Stripe-Should-Retry"] == "true"
    assert again.status_code == 200
    assert "Idempotent-Replayed" not in again.headers


@pytest.mark.django_db
def test_ac_010_when_the_connection_broke_nobody_knows_and_the_claim_stays(api: ApiClient) -> None:
    refuse_with(OperationalError("server closed the connection unexpectedly"))
    lost = api.post("/v1/notes", {"amount": 1}, key="k")
    early = api.post("/v1/notes", {"amount": 1}, key="k")
    end_leases()
    Script.step = None
    later = api.post("/v1/notes", {"amount": 1}, key="k")

    assert lost.status_code == 503
    assert error_of(early)[2] == "idempotency_key_in_use"
    assert later.status_code == 200
    assert count_notes() == 1


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.django_db
def test_an_unforeseen_error_is_answered_without_detail_and_its_key_is_free(
    api: ApiClient, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    refuse_with(ZeroDivisionError("secret detail"))
    lost = api.post(path, {"amount": 1}, key="k")
    Script.step = None
    again = api.post(path, {"amount": 1}, key="k")

    assert error_of(lost) == (500, "api_error", "internal_error")
    assert b"secret" not in lost.content
    assert lost.headers["Request-Id"] in caplog.text
    assert again.status_code == 200


# --- Claims by the service's own statement --------------------------------------------------------


@pytest.mark.django_db
def test_a_late_claim_that_is_refused_because_of_the_first_run_replays_its_answer(
    api: ApiClient,
) -> None:
    first = api.post("/v1/late_notes", {"amount": 1}, key="k")
    refuse_with(InvalidParameter("already confirmed"))

    again = api.post("/v1/late_notes", {"amount": 1}, key="k")
    other = api.post("/v1/late_notes", {"amount": 1}, key="other")

    assert (again.status_code, again.content) == (200, first.content)
    assert other.status_code == 400


@pytest.mark.django_db
def test_a_service_called_without_the_api_has_no_claim_and_nothing_happens() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT api_claim(NULL)")
        assert cursor.fetchone() == (None,)
        cursor.execute("SELECT api_store_answer(NULL), api_remember_object(NULL)")

    assert not IdempotencyKey.objects.exists()


def test_a_final_conflict_tells_stripes_sdks_not_to_retry() -> None:
    assert error_headers(IllegalTransition("no")) == {"Stripe-Should-Retry": "false"}
    assert error_headers(IdempotencyKeyInUse()) == {
        "Stripe-Should-Retry": "true",
        "Retry-After": "1",
    }


# --- Statements -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_replay_costs_one_statement(
    api: ApiClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    api.post("/v1/notes", {"amount": 1}, key="k")

    with django_assert_num_queries(1):
        api.post("/v1/notes", {"amount": 1}, key="k")


@pytest.mark.django_db
def test_a_read_with_a_known_key_costs_the_kit_no_statement(
    api: ApiClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    api.get("/v1/notes")

    with django_assert_num_queries(1):
        api.get("/v1/notes")
