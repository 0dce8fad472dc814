"""Faults strike when, where and as often as asked for."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe

from simulator.testing import ControlRefused, RunningSimulator
from tests.simulator.payments import charge_of, connect, make_customer, pay


def test_refuse_closes_the_port_until_it_is_healed(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    client.v1.balance.retrieve()
    simulator.fault("refuse")

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", simulator.psp_port), timeout=1)
    with pytest.raises(stripe.APIConnectionError):
        pay(client)
    simulator.heal()

    assert pay(client).status == "succeeded"
    assert len(simulator.charges("pi_ours")) == 1


def test_a_narrow_refusal_resets_the_connection_and_does_nothing(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    simulator.fault("refuse", match={"reference": "pi_unlucky"})

    with pytest.raises(stripe.APIConnectionError):
        pay(client, intent="pi_unlucky")

    assert pay(client, intent="pi_lucky").status == "succeeded"
    assert simulator.charges("pi_unlucky") == []
    assert [(each["status"], each["fault"]) for each in simulator.calls()] == [
        (0, "refuse"),
        (200, ""),
    ]


@pytest.mark.parametrize(("kind", "charges"), [("timeout_before", 0), ("timeout_after", 1)])
def test_no_answer_says_nothing_about_the_money(
    simulator: RunningSimulator, kind: str, charges: int
) -> None:
    simulator.fault(kind, count=1, ms=2_000)

    with (
        connect(simulator.psp_url, read_timeout=0.3) as impatient,
        pytest.raises(stripe.APIConnectionError),
    ):
        pay(impatient, key="key-1")

    assert len(simulator.charges("pi_ours")) == charges
    with connect(simulator.psp_url) as patient:
        assert pay(patient, key="key-1").status == "succeeded"
    assert len(simulator.charges("pi_ours")) == 1


def test_a_late_answer_still_charges_after_the_caller_gave_up(
    simulator: RunningSimulator,
) -> None:
    simulator.fault("latency", ms=500, count=1)

    with (
        connect(simulator.psp_url, read_timeout=0.2) as impatient,
        pytest.raises(stripe.APIConnectionError),
    ):
        pay(impatient, key="key-1")
    assert simulator.charges("pi_ours") == []

    with connect(simulator.psp_url) as patient, pytest.raises(stripe.APIError) as running:
        pay(patient, key="key-1")
    assert running.value.http_status == 409


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [("http_500", 500, stripe.APIError), ("http_429", 429, stripe.RateLimitError)],
)
def test_an_error_before_the_work_leaves_nothing_behind(
    simulator: RunningSimulator,
    client: stripe.StripeClient,
    kind: str,
    status: int,
    error: type[stripe.StripeError],
) -> None:
    simulator.fault(kind, count=2)

    for _ in range(2):
        with pytest.raises(error) as refusal:
            pay(client, key="key-1")
        assert refusal.value.http_status == status

    assert simulator.charges("pi_ours") == []
    assert pay(client, key="key-1").status == "succeeded"
    assert simulator.faults()[0]["hits"] == 2
    assert simulator.faults()[0]["count"] == 0


def test_the_wrong_amount_is_really_charged(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    simulator.fault("wrong_amount", count=1)

    intent = pay(client)

    assert (intent.amount, intent.amount_received, charge_of(intent).amount) == (1001, 1001, 1001)
    assert simulator.charges("pi_ours")[0]["amount"] == 1001
    assert client.v1.payment_intents.retrieve(intent.id).amount == 1001


@pytest.mark.parametrize(
    "match",
    [
        {"path": "/v1/payment_intents"},
        {"method": "POST", "path": "/v1/payment*"},
        {"token": "pm_card_visa"},
        {"currency": "eur"},
        {"reference": "att_ours"},
    ],
)
def test_a_match_narrows_a_fault(
    simulator: RunningSimulator, client: stripe.StripeClient, match: dict[str, str]
) -> None:
    simulator.fault("http_500", match=match)

    with pytest.raises(stripe.APIError):
        pay(client)

    assert make_customer(client).name == "Ada"
    assert simulator.charges() == []


def test_a_capture_is_known_by_the_payments_references(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    held = pay(client, capture_method="manual")
    client.v1.payment_intents.capture(held.id)
    client.v1.refunds.create({"payment_intent": held.id})

    calls = simulator.calls(psp="stripe", reference="pi_ours")

    assert [each["path"] for each in calls] == [
        "/v1/payment_intents",
        f"/v1/payment_intents/{held.id}/capture",
        "/v1/refunds",
    ]
    assert {each["reference"] for each in calls} == {"pi_ours"}
    assert simulator.calls(psp="adyen") == []


def test_a_rate_of_a_half_strikes_about_half_of_the_calls(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    simulator.fault("http_500", rate=0.5)

    struck = 0
    for _ in range(100):
        try:
            client.v1.balance.retrieve()
        except stripe.APIError:
            struck += 1

    assert 25 <= struck <= 75
    assert simulator.faults()[0]["hits"] == struck


@pytest.mark.parametrize(
    "wish",
    [
        {"kind": "nonsense"},
        {"psp": "nobody"},
        {"rate": 2},
        {"rate": True},
        {"count": -1},
        {"ms": "1"},
        {"match": {"colour": "red"}},
        {"match": "all"},
        {"unknown": 1},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(
    simulator: RunningSimulator, wish: dict[str, Any]
) -> None:
    with pytest.raises(ControlRefused):
        simulator.control("POST", "faults", {"psp": "stripe", "kind": "refuse", **wish})

    assert simulator.faults() == []


def test_a_reset_forgets_everything(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    paid = pay(client, key="key-1")
    simulator.fault("latency", ms=1, rate=0)
    simulator.change_settings(debit_delay=9)

    simulator.reset()

    assert (simulator.charges(), simulator.calls(), simulator.faults()) == ([], [], [])
    assert simulator.control("GET", "settings")["debit_delay"] == 3.0
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.retrieve(paid.id)
    assert pay(client, key="key-1").id != paid.id


def test_nothing_can_be_advanced_that_is_not_there(simulator: RunningSimulator) -> None:
    with pytest.raises(ControlRefused):
        simulator.advance("pi_nobody", "settle")
    with pytest.raises(ControlRefused):
        simulator.advance("pi_nobody", "nonsense")


def test_a_call_taken_before_the_port_closed_is_worked_on_unheard(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    simulator.fault("latency", ms=600, count=1)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pay, client, key="key-1")
        while not simulator.calls():
            time.sleep(0.01)
        simulator.fault("refuse")
        with pytest.raises(stripe.APIConnectionError):
            waiting.result()
    assert simulator.charges("pi_ours") == []

    simulator.heal()
    time.sleep(0.8)

    assert len(simulator.charges("pi_ours")) == 1
    assert pay(client, key="key-1").status == "succeeded"
    assert len(simulator.charges("pi_ours")) == 1


def test_a_reset_drops_the_calls_that_still_wait(simulator: RunningSimulator) -> None:
    simulator.fault("latency", ms=300)
    with (
        connect(simulator.psp_url, read_timeout=0.1) as impatient,
        pytest.raises(stripe.APIConnectionError),
    ):
        pay(impatient)

    simulator.reset()
    time.sleep(0.4)

    assert simulator.charges() == []
