"""Money back: never more than was taken, and sometimes not for good."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from simulator.testing import RunningSimulator
from tests.simulator.payments import pay, pay_by_debit


def test_a_refund_gives_back_and_keeps_the_fee(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    paid = pay(client)

    refund = client.v1.refunds.create(
        {
            "payment_intent": paid.id,
            "amount": 300,
            "reason": "requested_by_customer",
            "metadata": {"refund": "re_ours"},
            "expand": ["balance_transaction"],
        }
    )

    movement = refund.balance_transaction
    assert isinstance(movement, stripe.BalanceTransaction)
    assert (refund.status, refund.amount, refund.reason) == (
        "succeeded",
        300,
        "requested_by_customer",
    )
    assert (movement.type, movement.amount, movement.fee, movement.net) == ("refund", -300, 0, -300)
    assert simulator.charges("pi_ours")[0]["refunded"] == 300
    assert simulator.calls(reference="re_ours")[0]["reference"] == "pi_ours"


def test_50_parallel_refunds_of_a_tenth_give_back_exactly_ten(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    paid = pay(client)

    def refund_a_tenth(_: int) -> str:
        try:
            return client.v1.refunds.create({"payment_intent": paid.id, "amount": 100}).status or ""
        except stripe.InvalidRequestError as refusal:
            return refusal.code or ""

    with ThreadPoolExecutor(10) as threads:
        outcomes = list(threads.map(refund_a_tenth, range(50)))

    assert sorted(outcomes) == ["charge_already_refunded"] * 40 + ["succeeded"] * 10
    assert simulator.charges("pi_ours")[0]["refunded"] == 1000
    assert len(client.v1.refunds.list({"payment_intent": paid.id, "limit": 100}).data) == 10


def test_more_than_is_left_cannot_be_given_back(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    paid = pay(client)
    client.v1.refunds.create({"payment_intent": paid.id, "amount": 400})

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"payment_intent": paid.id, "amount": 601})

    assert refusal.value.param == "amount"
    assert simulator.charges("pi_ours")[0]["refunded"] == 400
    assert client.v1.refunds.create({"payment_intent": paid.id}).amount == 600


def test_what_is_only_held_cannot_be_given_back(client: stripe.StripeClient) -> None:
    held = pay(client, capture_method="manual")

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": held.id})


def test_only_what_was_captured_can_be_given_back(client: stripe.StripeClient) -> None:
    held = pay(client, capture_method="manual")
    client.v1.payment_intents.capture(held.id, {"amount_to_capture": 600})

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": held.id, "amount": 601})
    assert client.v1.refunds.create({"payment_intent": held.id, "amount": 600}).amount == 600


def test_a_refund_may_fail_later_and_the_money_is_ours_again(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    paid = pay(client)
    refund = client.v1.refunds.create(
        {"payment_intent": paid.id, "metadata": {"refund": "re_ours"}}
    )

    simulator.advance("pi_ours", "fail_refund", refund="re_ours")
    simulator.advance("pi_ours", "fail_refund", refund="re_ours")

    failed = client.v1.refunds.retrieve(refund.id, {"expand": ["failure_balance_transaction"]})
    movement = failed.failure_balance_transaction
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert isinstance(movement, stripe.BalanceTransaction)
    assert (movement.type, movement.amount) == ("refund_failure", 1000)
    assert simulator.charges("pi_ours")[0]["refunded"] == 0


def test_a_refund_of_a_debit_is_pending_and_can_be_stopped(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    paid = pay_by_debit(client, "DE89370400440532013000")
    simulator.advance("pi_ours", "settle")
    first = client.v1.refunds.create({"payment_intent": paid.id, "amount": 100})
    second = client.v1.refunds.create({"payment_intent": paid.id, "amount": 200})
    assert (first.status, second.status) == ("pending", "pending")

    assert client.v1.refunds.cancel(first.id).status == "canceled"
    simulator.advance("pi_ours", "settle_refund")

    assert client.v1.refunds.retrieve(first.id).status == "canceled"
    assert client.v1.refunds.retrieve(second.id).status == "succeeded"
    assert simulator.charges("pi_ours")[0]["refunded"] == 200
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.cancel(second.id)
