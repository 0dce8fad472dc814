import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from apps.api import throttling
from apps.api.errors import RateLimited
from apps.api.throttling import take_customer_token, take_token
from apps.common.origin import Scope
from apps.payments.models import PaymentIntent
from tests.conftest import ApiClient


@pytest.fixture(autouse=True)
def _limit(settings: Any) -> Iterator[None]:
    settings.RATE_LIMIT_ENABLED = True
    settings.RATE_LIMIT_WRITES_PER_SECOND = 5
    settings.RATE_LIMIT_READS_PER_SECOND = 7
    throttling._script.cache_clear()
    throttling._Pause.until = 0.0
    yield
    throttling._script.cache_clear()
    throttling._Pause.until = 0.0


def spend(key_id: str, times: int, *, write: bool = True) -> list[int]:
    return [take_token(key_id, write=write).remaining for _ in range(times)]


def test_a_full_bucket_lets_its_limit_pass_and_counts_down() -> None:
    key_id = f"key_{uuid.uuid4()}"

    assert spend(key_id, 5) == [4, 3, 2, 1, 0]
    with pytest.raises(RateLimited) as refusal:
        take_token(key_id, write=True)

    assert refusal.value.status == 429
    assert refusal.value.context["retry_after"] == 1
    assert refusal.value.context["allowance"].remaining == 0


def test_reads_and_writes_and_keys_have_buckets_of_their_own() -> None:
    key_id = f"key_{uuid.uuid4()}"
    spend(key_id, 5)

    assert spend(key_id, 1, write=False) == [6]
    assert spend(f"key_{uuid.uuid4()}", 1) == [4]


def test_an_empty_bucket_fills_again() -> None:
    key_id = f"key_{uuid.uuid4()}"
    spend(key_id, 5)

    time.sleep(0.25)

    assert spend(key_id, 1) == [0]


def test_the_headers_tell_the_state_of_the_bucket() -> None:
    headers = take_token(f"key_{uuid.uuid4()}", write=True).headers()

    assert headers == {
        "RateLimit-Limit": "5",
        "RateLimit-Remaining": "4",
        "RateLimit-Reset": "1",
    }


def test_an_address_is_limited_whatever_its_keys(settings: Any) -> None:
    settings.RATE_LIMIT_ADDRESS_PER_SECOND = 3
    address = f"{uuid.uuid4()}"
    for _ in range(3):
        take_token(f"key_{uuid.uuid4()}", write=False, address=address)
    key_id = f"key_{uuid.uuid4()}"

    with pytest.raises(RateLimited) as refusal:
        take_token(key_id, write=False, address=address)

    assert refusal.value.message == "Too many requests: the limit is 3 per second for one address."
    assert refusal.value.context["allowance"].headers()["RateLimit-Limit"] == "3"
    # Nothing was taken from the key's bucket, which is not to blame.
    assert spend(key_id, 1, write=False) == [6]


def test_a_customer_is_limited_per_account_and_mode(settings: Any) -> None:
    settings.RATE_LIMIT_CUSTOMER_WRITES_PER_SECOND = 2
    customer, mine = f"cus_{uuid.uuid4()}", Scope("mer_1", livemode=False)
    for _ in range(2):
        take_customer_token(customer, scope=mine)

    with pytest.raises(RateLimited) as refusal:
        take_customer_token(customer, scope=mine)
    take_customer_token(customer, scope=Scope("mer_2", livemode=False))
    take_customer_token(customer, scope=Scope("mer_1", livemode=True))

    assert refusal.value.message == "Too many requests: the limit is 2 per second for one customer."
    assert 1 <= refusal.value.context["retry_after"] <= 2


@pytest.mark.django_db
def test_writes_about_a_customer_are_limited_reads_and_those_about_others_are_not(
    api: ApiClient, settings: Any
) -> None:
    settings.RATE_LIMIT_WRITES_PER_SECOND = settings.RATE_LIMIT_READS_PER_SECOND = 100
    settings.RATE_LIMIT_CUSTOMER_WRITES_PER_SECOND = 2
    ada, bob = (api.post("/v1/customers", {"name": name}).json()["id"] for name in ("Ada", "Bob"))
    pay = {"amount": 1000, "currency": "eur", "customer": ada}

    answers = [
        api.post(f"/v1/customers/{ada}", {"name": "Ada L"}),
        api.post("/v1/payment_intents", pay),
        api.post("/v1/payment_intents", pay),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    error = answers[2].json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit")
    assert (answers[2]["Retry-After"], answers[2]["RateLimit-Limit"]) == ("1", "2")
    assert answers[2]["RateLimit-Remaining"] == "0"
    assert PaymentIntent.objects.count() == 1
    assert api.get(f"/v1/customers/{ada}").status_code == 200
    assert api.post(f"/v1/customers/{bob}", {"name": "Bob"}).status_code == 200


@pytest.mark.django_db
def test_keys_are_not_guessed_faster_than_an_address_may_ask(client: Client, settings: Any) -> None:
    settings.RATE_LIMIT_ADDRESS_PER_SECOND = 3
    address = f"2001:db8::{uuid.uuid4().hex[:4]}"

    statuses = [
        client.get(
            "/v1/customers",
            headers={"Authorization": f"Bearer sk_test_{uuid.uuid4().hex}"},
            REMOTE_ADDR=address,
        ).status_code
        for _ in range(5)
    ]

    assert statuses == [401, 401, 401, 429, 429]


@pytest.mark.django_db
def test_every_answer_tells_the_limit_even_without_a_key(client: Client, settings: Any) -> None:
    settings.RATE_LIMIT_ADDRESS_PER_SECOND = 3
    address = f"2001:db8::{uuid.uuid4().hex[:4]}"

    answers = [
        client.get(path, REMOTE_ADDR=address)
        for path in ("/v1/customers", "/v1/openapi.json", "/v1/nowhere", "/v1/openapi.json")
    ]

    assert [answer.status_code for answer in answers] == [401, 200, 404, 429]
    assert all(answer["Request-Id"].startswith("req_") for answer in answers)
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer["RateLimit-Limit"] for answer in answers} == {"3"}
    assert {answer["Api-Version"] for answer in answers} == {"2026-11-01"}
    assert answers[3]["Retry-After"] == "1"


def test_without_redis_everything_passes_and_nobody_waits(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"

    started = time.monotonic()
    assert spend("key_x", 50) == [5] * 50

    assert time.monotonic() - started < 0.5
    assert len([record for record in caplog.records if "rate limit" in record.message]) == 1


def test_the_limit_can_be_switched_off(settings: Any) -> None:
    settings.RATE_LIMIT_ENABLED = False

    assert spend("key_x", 20) == [5] * 20
