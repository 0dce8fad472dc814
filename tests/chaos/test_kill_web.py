"""kill -9 of the web process at every step of a confirm: one charge, one outcome, even books."""

import time
import uuid
from pathlib import Path

import httpx
import pytest
from django.utils import timezone

from apps.api.models import Merchant
from apps.api.services import create_api_key
from apps.common.origin import Scope
from apps.ledger.selectors import list_trial_balance
from apps.outbox.history import find_differences
from apps.payments.models import PaymentIntent
from apps.payments.services.sweeps import sweep_attempts
from simulator.testing import RunningSimulator
from tests.live.environment import platform_environment
from tests.live.running import RunningWeb

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# More steps than a confirm has: the walk ends at the first request that is not killed.
MAX_STEPS = 60
LEASE_SECONDS = 1
KILLABLE = "tests.chaos.killable_wsgi:application"
PAY = {"amount": 1050, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}


def post(url: str, key: str, secret: str, *, die_at: int | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": key}
    if die_at is not None:
        headers["X-Die-At"] = str(die_at)
    return httpx.post(
        f"{url}/v1/payment_intents", json=PAY, headers=headers, timeout=60, trust_env=False
    )


def is_killed(url: str, key: str, secret: str, die_at: int) -> bool:
    try:
        post(url, key, secret, die_at=die_at)
    except httpx.TransportError:
        return True
    return False


def retry_until_answered(url: str, key: str, secret: str) -> httpx.Response:
    """Do what an SDK does: repeat the request with the same key while it is in flight."""
    last = "none"
    for _ in range(100):
        try:
            answer = post(url, key, secret)
        except httpx.TransportError:
            time.sleep(0.2)
            continue
        if answer.status_code not in {409, 502, 503}:
            return answer
        last = answer.text
        time.sleep(0.2)
    raise AssertionError(f"no final answer; the last one: {last}")


def test_ac_009_killed_at_every_step_a_payment_is_charged_once(
    merchant: Merchant, simulator: RunningSimulator, tmp_path: Path
) -> None:
    _, secret = create_api_key(merchant=merchant, livemode=False, now=timezone.now())
    environment = platform_environment(simulator, IDEMPOTENCY_LEASE_SECONDS=str(LEASE_SECONDS))
    killed = []
    with RunningWeb(environment, log=tmp_path / "web.log") as steady:
        for step in range(1, MAX_STEPS):
            key = str(uuid.uuid4())
            with RunningWeb(
                environment, application=KILLABLE, log=tmp_path / "killed.log"
            ) as doomed:
                if not is_killed(doomed.url, key, secret, step):
                    break
            killed.append(step)
            answer = retry_until_answered(steady.url, key, secret)
            assert answer.json()["status"] == "succeeded", (step, answer.text)
            charges = simulator.charges(reference=answer.json()["id"])
            assert [(c["status"], c["captured"]) for c in charges] == [("succeeded", True)], step

    sweep_attempts(now=timezone.now())
    assert killed == list(range(1, len(killed) + 1))
    # Three statements and one call of the gateway, before and after each.
    assert len(killed) >= 8
    paid = PaymentIntent.objects.filter(status="succeeded").count()
    assert PaymentIntent.objects.exclude(status="succeeded").count() == 0
    captured = [c for c in simulator.charges() if c["captured"]]
    assert len(captured) == paid
    assert list(find_differences()) == []
    lines = list_trial_balance(scope=Scope(merchant.id, livemode=False))
    sales = next(line for line in lines if line.code == "sales")
    assert sales.credit == paid * 1050
    assert sum(line.debit for line in lines) == sum(line.credit for line in lines)
