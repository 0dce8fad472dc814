"""A deployment: web servers that are told to stop finish what they have begun."""

import signal
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import httpx
import pytest
from django.utils import timezone

from apps.api.models import Merchant
from apps.api.services import create_api_key
from apps.payments.models import PaymentIntent
from simulator.testing import RunningSimulator
from tests.live.environment import platform_environment
from tests.live.running import RunningWeb

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PAY = {"amount": 1050, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
AT_ONCE = 6
BANK_SECONDS = 1.5


def pay(url: str, secret: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": str(uuid.uuid4())}
    return httpx.post(
        f"{url}/v1/payment_intents", json=PAY, headers=headers, timeout=60, trust_env=False
    )


def test_a_server_that_is_told_to_stop_answers_what_it_has_begun(
    merchant: Merchant, simulator: RunningSimulator, tmp_path: Path
) -> None:
    _, secret = create_api_key(merchant=merchant, livemode=False, now=timezone.now())
    environment = platform_environment(simulator)
    with RunningWeb(environment, log=tmp_path / "web.log") as web:
        pay(web.url, secret)
        simulator.fault("latency", psp="stripe", ms=int(BANK_SECONDS * 1000))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            begun = [pool.submit(pay, web.url, secret) for _ in range(AT_ONCE)]
            sleep(BANK_SECONDS / 2)
            assert web.process is not None
            web.process.send_signal(signal.SIGTERM)
            answers = [each.result() for each in begun]
        web.process.wait(timeout=60)

    assert [answer.status_code for answer in answers] == [200] * AT_ONCE
    assert {answer.json()["status"] for answer in answers} == {"succeeded"}
    paid = PaymentIntent.objects.filter(status="succeeded").count()
    assert paid == AT_ONCE + 1
    assert len([c for c in simulator.charges() if c["captured"]]) == paid
