import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from apps.api import throttling
from apps.api.errors import RateLimited
from apps.api.throttling import take_token


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
