"""An account in another currency than its payments, as a merchant abroad has it."""

from typing import Any

import pytest
import stripe

from simulator.testing import ControlRefused, RunningSimulator
from tests.simulator.payments import charge_of, pay


def movement_of(moved: stripe.Charge | stripe.Refund) -> stripe.BalanceTransaction:
    assert isinstance(moved.balance_transaction, stripe.BalanceTransaction)
    return moved.balance_transaction


def shown(movement: stripe.BalanceTransaction) -> tuple[str, int, int, float | None]:
    return movement.currency, movement.amount, movement.fee, movement.exchange_rate


def test_a_payment_is_credited_in_the_accounts_currency(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    simulator.exchange("usd", eur="1.234", jpy="0.0067")

    euros = pay(client, key="euros")
    yen = pay(client, key="yen", intent="pi_yen", attempt="att_yen", currency="jpy")

    assert (euros.currency, euros.amount_received) == ("eur", 1000)
    assert shown(movement_of(charge_of(euros))) == ("usd", 1234, 66, 1.234)
    assert shown(movement_of(charge_of(yen))) == ("usd", 670, 49, 0.0067)


def test_a_refund_is_taken_at_the_rate_of_its_own_day(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    simulator.exchange("usd", eur="1.234")
    paid = pay(client)
    simulator.exchange("usd", eur="1.2")

    wish: Any = {"payment_intent": paid.id, "amount": 400, "expand": ["balance_transaction"]}
    refund = client.v1.refunds.create(wish)

    assert (refund.currency, refund.amount) == ("eur", 400)
    assert shown(movement_of(refund)) == ("usd", -480, 0, 1.2)


def test_money_without_a_rate_stays_as_it_came(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    simulator.exchange("usd", gbp="1.3")

    assert shown(movement_of(charge_of(pay(client)))) == ("eur", 1000, 59, None)


@pytest.mark.parametrize("rates", [{"eur": "0"}, {"eur": "-1"}, {"eur": "NaN"}, {"eur": "one"}])
def test_rates_that_are_none_are_refused(
    simulator: RunningSimulator, client: stripe.StripeClient, rates: dict[str, str]
) -> None:
    with pytest.raises(ControlRefused, match="rates are"):
        simulator.exchange("usd", **rates)

    assert movement_of(charge_of(pay(client))).currency == "eur"
