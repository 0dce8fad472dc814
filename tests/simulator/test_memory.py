"""The books outlive the simulator, and what they cannot be read from is no hindrance."""

from pathlib import Path

import pytest
import stripe

from simulator.testing import RunningSimulator
from tests.simulator.payments import connect, pay


def give_back(client: stripe.StripeClient, intent: str, *, key: str) -> stripe.Refund:
    return client.v1.refunds.create(
        {"payment_intent": intent, "amount": 100}, {"idempotency_key": key}
    )


def test_a_payment_of_before_is_refunded_and_disputed_after_a_restart(tmp_path: Path) -> None:
    memory = tmp_path / "books"
    with RunningSimulator(memory=memory) as before, connect(before.psp_url) as client:
        paid = pay(client)
        first = give_back(client, paid.id, key="one")

    with RunningSimulator(memory=memory) as after, connect(after.psp_url) as client:
        assert client.v1.payment_intents.retrieve(paid.id).status == "succeeded"
        again = give_back(client, paid.id, key="one")
        give_back(client, paid.id, key="two")
        after.control("POST", "disputes", {"reference": "pi_ours", "reason": "fraudulent"})

        assert again.id == first.id
        [charge] = after.charges("pi_ours")
        assert (charge["captured"], charge["refunded"]) == (True, 200)
        [dispute] = client.v1.disputes.list({"payment_intent": paid.id}).data
        assert (dispute.status, dispute.amount) == ("needs_response", paid.amount)


@pytest.mark.parametrize("content", [b"", b"no pickle", b"\x80\x04]\x94."])
def test_what_cannot_be_read_lets_the_books_begin_empty(content: bytes, tmp_path: Path) -> None:
    memory = tmp_path / "books"
    memory.write_bytes(content)

    with RunningSimulator(memory=memory) as simulator, connect(simulator.psp_url) as client:
        assert simulator.charges() == []
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.payment_intents.retrieve("pi_unknown")
