"""What `make demo` sells at the simulated gateways can be worked with."""

import pytest

from demo.today import SALES, sell
from simulator.testing import RunningSimulator
from tests.live.running import RunningWeb

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_the_demo_s_day_has_payments_of_every_kind(
    web: RunningWeb, simulator: RunningSimulator, secret_key: str
) -> None:
    sold = {
        intent.id: (sale, intent.status)
        for sale, intent in sell(base_url=web.url, secret_key=secret_key)
    }

    statuses = [status for _, status in sold.values()]
    assert len(statuses) == len(SALES) == 13
    assert statuses.count("succeeded") == 9
    assert statuses.count("requires_payment_method") == 2
    assert statuses.count("requires_capture") == statuses.count("requires_action") == 1
    charged = {charge["reference"]: charge for charge in simulator.charges() if charge["captured"]}
    assert {
        intent: (charge["amount"], charge["refunded"]) for intent, charge in charged.items()
    } == {
        intent: (sale.amount, sale.refunded)
        for intent, (sale, status) in sold.items()
        if status == "succeeded"
    }
