"""What a person reads about the first payment, and when it counts as made."""

from typing import Any

import pytest

from demo.first_payment import FirstPayment
from demo.trace import trace_lines

AT = "2026-11-21T09:00:00.{:06d}+00:00"


def step(kind: str, status: str, *, micros: int = 0, **facts: Any) -> dict[str, Any]:
    return {"at": AT.format(micros), "kind": kind, "status": status, "summary": kind, **facts}


POSTINGS = [
    {
        "account": "gateway_clearing:stripe_main",
        "layer": "posted",
        "amount": 2599,
        "currency": "EUR",
    },
    {"account": "sales", "layer": "posted", "amount": -2599, "currency": "EUR"},
]
BOOKED = step("ledger", "balanced", micros=40_000, summary="captured: ...", postings=POSTINGS)
HEARD = step("webhook", "processed", micros=70_000, summary="payment_intent.succeeded")
ASKED = step("request", "accepted", summary="req_1 by api:key_1")


def payment(*steps: dict[str, Any], status: str = "succeeded") -> FirstPayment:
    return FirstPayment(intent_id="pi_1", status=status, trace={"data": list(steps)})


def test_the_trace_tells_the_story_in_order() -> None:
    assert list(trace_lines({"data": [ASKED, BOOKED, HEARD]})) == [
        "+ 0.000s  request accepted   req_1 by api:key_1",
        "+ 0.040s  ledger  balanced   captured",
        "                               debit      2599 EUR  gateway_clearing:stripe_main (posted)",
        "                              credit      2599 EUR  sales (posted)",
        "+ 0.070s  webhook processed  payment_intent.succeeded",
    ]


def test_an_empty_trace_has_no_lines() -> None:
    assert list(trace_lines({"data": []})) == []


def test_a_payment_counts_when_paid_confirmed_by_webhook_and_booked() -> None:
    assert payment(ASKED, BOOKED, HEARD).succeeded


@pytest.mark.parametrize(
    "half",
    [
        payment(ASKED, BOOKED, HEARD, status="processing"),
        payment(ASKED, BOOKED),
        payment(ASKED, HEARD),
        payment(ASKED, BOOKED, step("webhook", "received")),
    ],
    ids=["not paid", "no webhook", "not booked", "webhook waits"],
)
def test_a_payment_that_went_half_the_way_does_not_count(half: FirstPayment) -> None:
    assert not half.succeeded


def test_the_trace_is_complete_when_nothing_waits() -> None:
    assert payment(ASKED, BOOKED, HEARD).is_quiet
    assert not payment(ASKED, step("outbox", "pending")).is_quiet
    assert not payment(ASKED, step("webhook", "received")).is_quiet
