"""However often and however parallel a client asks: the gateway's own books show it once."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from apps.payments.models import PaymentIntent, Refund
from simulator.testing import RunningSimulator
from tests.live.running import RunningWeb

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PAY = {"amount": 10_000, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}


def post(client: httpx.Client, path: str, body: dict[str, object], key: str) -> httpx.Response:
    return client.post(path, json=body, headers={"Idempotency-Key": key})


@pytest.fixture
def client(web: RunningWeb, secret_key: str) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=web.url,
        headers={"Authorization": f"Bearer {secret_key}"},
        timeout=30,
        trust_env=False,
        limits=httpx.Limits(max_connections=100),
    ) as client:
        yield client


def test_ac_001_hundred_parallel_posts_with_one_key_charge_once(
    client: httpx.Client, simulator: RunningSimulator
) -> None:
    with ThreadPoolExecutor(100) as pool:
        answers = list(
            pool.map(lambda _: post(client, "/v1/payment_intents", PAY, "one"), range(100))
        )
    replay = post(client, "/v1/payment_intents", PAY, "one")

    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {200, 409}
    assert statuses[200] >= 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["error"]["code"] == "idempotency_key_in_use"
            assert answer.headers["Retry-After"] == "1"
    bodies = {answer.content for answer in answers if answer.status_code == 200}
    assert bodies == {replay.content}
    assert replay.headers["Idempotent-Replayed"] == "true"
    intent = PaymentIntent.objects.get()
    calls = [c for c in simulator.calls(reference=intent.id) if c["method"] == "POST"]
    assert len(calls) == 1
    assert len(simulator.charges(reference=intent.id)) == 1


def test_parallel_confirms_with_different_keys_charge_once(
    client: httpx.Client, simulator: RunningSimulator
) -> None:
    made = post(client, "/v1/payment_intents", {"amount": 5000, "currency": "eur"}, "made").json()
    path = f"/v1/payment_intents/{made['id']}/confirm"

    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(
                lambda n: post(client, path, {"payment_method": "pm_card_visa"}, f"key-{n}"),
                range(20),
            )
        )

    statuses = Counter(answer.status_code for answer in answers)
    assert statuses == {200: 1, 409: 19}
    charges = simulator.charges(reference=made["id"])
    assert [(c["status"], c["amount"]) for c in charges] == [("succeeded", 5000)]


def test_ac_049_fifty_parallel_refunds_of_a_tenth_give_back_exactly_ten(
    client: httpx.Client, simulator: RunningSimulator
) -> None:
    paid = post(client, "/v1/payment_intents", PAY, "paid").json()
    part = {"payment_intent": paid["id"], "amount": 1000}

    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(lambda n: post(client, "/v1/refunds", part, f"refund-{n}"), range(50))
        )

    statuses = Counter(answer.status_code for answer in answers)
    assert statuses == {200: 10, 400: 40}
    refused = {a.json()["error"]["code"] for a in answers if a.status_code == 400}
    assert refused == {"refund_exceeds_captured"}
    (charge,) = simulator.charges(reference=paid["id"])
    assert charge["refunded"] == 10_000
    assert Refund.objects.filter(status="succeeded").count() == 10
    assert PaymentIntent.objects.get(pk=paid["id"]).status == "refunded"
