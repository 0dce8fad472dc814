"""The web process writes its log by itself, a moment after it has answered."""

import time

import httpx
import pytest

from apps.api.models import LoggedRequest
from simulator.testing import RunningSimulator
from tests.live.environment import platform_environment
from tests.live.running import RunningWeb

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PATIENCE_SECONDS = 30.0


def test_a_request_stands_in_the_log_a_moment_after_its_answer(
    simulator: RunningSimulator, secret_key: str
) -> None:
    environment = platform_environment(simulator, REQUEST_LOG_ENABLED="true")
    with RunningWeb(environment) as web:
        answer = httpx.post(
            f"{web.url}/v1/customers",
            json={"email": "ada@payer.example"},
            headers={"Authorization": f"Bearer {secret_key}", "Idempotency-Key": "k"},
            trust_env=False,
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not LoggedRequest.objects.exists() and time.monotonic() < deadline:
            time.sleep(0.1)

    row = LoggedRequest.objects.get()
    assert row.id == answer.headers["Request-Id"]
    assert (row.method, row.path, row.status) == ("POST", "/v1/customers", 200)
    assert "ada@payer.example" not in row.request + row.response
