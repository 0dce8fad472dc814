"""One key, one effect: what Stripe promises about the Idempotency-Key."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import stripe

from simulator.testing import RunningSimulator
from tests.simulator.payments import KEY, pay


def post(simulator: RunningSimulator, path: str, form: dict[str, str], key: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": key}
    return httpx.post(f"{simulator.psp_url}/v1/{path}", data=form, headers=headers)


FORM = {
    "amount": "1000",
    "currency": "eur",
    "confirm": "true",
    "payment_method": "pm_card_visa",
    "metadata[intent]": "pi_ours",
}


def test_the_same_key_gives_the_same_bytes_again(simulator: RunningSimulator) -> None:
    first = post(simulator, "payment_intents", FORM, "key-1")
    reordered = dict(reversed(FORM.items()))
    second = post(simulator, "payment_intents", reordered, "key-1")

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.content == second.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Original-Request"] == first.headers["Request-Id"]
    assert len(simulator.charges("pi_ours")) == 1


def test_a_key_is_bound_to_its_parameters_and_its_path(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    paid = pay(client, key="key-1")

    with pytest.raises(stripe.IdempotencyError) as other_amount:
        pay(client, key="key-1", amount=1001)
    with pytest.raises(stripe.IdempotencyError):
        client.v1.refunds.create({"payment_intent": paid.id}, {"idempotency_key": "key-1"})

    assert other_amount.value.http_status == 400
    [booked] = simulator.charges("pi_ours")
    assert (booked["amount"], booked["refunded"]) == (1000, 0)


def test_a_decline_is_kept(simulator: RunningSimulator, client: stripe.StripeClient) -> None:
    bodies = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refusal:
            pay(client, key="key-1", method="pm_card_chargeDeclined")
        bodies.append(refusal.value.http_body)

    assert bodies[0] == bodies[1]
    assert len(simulator.charges("pi_ours")) == 1


def test_what_was_refused_before_the_work_is_not_kept(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        pay(client, key="key-1", amount=-1)

    assert pay(client, key="key-1").status == "succeeded"
    assert len(simulator.charges("pi_ours")) == 1


def test_a_500_after_the_work_is_kept_though_the_money_moved(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    simulator.fault("http_500_after", count=1)

    for _ in range(2):
        with pytest.raises(stripe.APIError) as broken:
            pay(client, key="key-1")
        assert broken.value.http_status == 500

    assert [each["status"] for each in simulator.charges("pi_ours")] == ["succeeded"]


def test_while_the_first_request_works_the_second_is_told_to_wait(
    simulator: RunningSimulator,
) -> None:
    simulator.fault("latency", ms=400, count=1)

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(post, simulator, "payment_intents", FORM, "key-1")
        while not simulator.calls():
            time.sleep(0.01)
        second = post(simulator, "payment_intents", FORM, "key-1")
        assert first.result().status_code == 200

    assert second.status_code == 409
    assert second.json()["error"]["code"] == "idempotency_key_in_use"
    assert second.headers["Stripe-Should-Retry"] == "true"
    assert post(simulator, "payment_intents", FORM, "key-1").status_code == 200
    assert len(simulator.charges("pi_ours")) == 1


def test_a_key_is_free_again_after_a_day(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    first = pay(client, key="key-1")

    simulator.advance_clock(86_400 - 60)
    assert pay(client, key="key-1").id == first.id
    simulator.advance_clock(61)

    assert pay(client, key="key-1").id != first.id
    assert len(simulator.charges("pi_ours")) == 2
