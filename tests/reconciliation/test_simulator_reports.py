"""What is right in both gateways' reports is paid out and received, at the second try as well."""

from typing import Any

import pytest

from apps.common.origin import CLOCK
from apps.ledger import chart
from apps.ledger.verification import verify_books
from apps.reconciliation.models import Discrepancy, Settlement, StatementLine
from apps.reconciliation.services import ask_gateway_again
from apps.reconciliation.states import StatementFormat
from simulator.testing import RunningSimulator
from tests.factories.payments import SCOPE
from tests.reconciliation.at_gateways import FEE, GATEWAYS, Till, compare, take, today
from tests.reconciliation.plants import BANK, booked, plant

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("psp", ["stripe", "adyen"])
def test_a_day_without_mistakes_is_paid_out_and_received(
    simulator: RunningSimulator, psp: str, till_at: Any, settings: Any
) -> None:
    settings.RECONCILIATION_DUE_DAYS = 0
    now, till = today(), till_at(psp)
    assert isinstance(till, Till)
    for _ in range(3):
        till.pay()
    simulator.control("POST", "settlements/close", {"psp": psp, "currency": "eur"})
    day = now.date()
    report = simulator.report(f"settlements/{psp}/{day}.csv")
    take(report, StatementFormat(psp), GATEWAYS[psp], now)
    take(simulator.report(f"bank/{day}.xml"), StatementFormat.CAMT053, BANK, now)

    run = compare(GATEWAYS[psp], day, now)

    assert (run.lines, run.lines_matched) == (4, 4)
    assert not Discrepancy.objects.exists()
    settlement = Settlement.objects.get()
    assert (settlement.status, settlement.amount) == ("received", 3 * (1000 - FEE))


def test_ac_045_what_adyen_paid_out_in_dollars_is_booked_by_its_report_alone(
    simulator: RunningSimulator, till_at: Any
) -> None:
    simulator.exchange("usd", eur="1.08")
    now, till, gateway = today(), till_at("adyen"), GATEWAYS["adyen"]
    till.pay(fee=0)
    simulator.control("POST", "settlements/close", {"psp": "adyen", "currency": "usd"})
    day = now.date()
    take(simulator.report(f"settlements/adyen/{day}.csv"), StatementFormat.ADYEN, gateway, now)
    take(simulator.report(f"bank/{day}.xml"), StatementFormat.CAMT053, BANK, now)

    first = compare(gateway, day, now)
    ask_gateway_again(scope=SCOPE, gateway=gateway, origin=CLOCK, now=now)
    second = compare(gateway, day, now)

    # 10.80 USD, of which 2.9 % and 0.30 are kept.
    paid = StatementLine.objects.get(kind="charge")
    assert (paid.gross, paid.fee, paid.currency) == (1080, 61, "USD")
    assert (paid.paid_amount, paid.paid_currency) == (1000, "EUR")
    assert (first.exceptions_open, second.exceptions_open) == (1, 0)
    assert [row.kind for row in Discrepancy.objects.all()] == ["currency_mismatch"]
    settlement = Settlement.objects.get()
    assert (settlement.status, settlement.amount, settlement.currency) == (
        "received", 1080 - 61, "USD",
    )  # fmt: skip
    assert booked(chart.GATEWAY_CLEARING, gateway) == {}
    assert booked(chart.GATEWAY_FEES, gateway) == {"USD": 61}
    assert booked(chart.BANK, BANK) == {"USD": 1080 - 61}
    assert list(verify_books()) == []


@pytest.mark.parametrize("psp", ["stripe", "adyen"])
def test_ac_068_a_payout_that_came_back_is_taken_back_and_paid_again_by_the_next_one(
    simulator: RunningSimulator, psp: str, till_at: Any
) -> None:
    now, till, gateway = today(), till_at(psp), GATEWAYS[psp]
    plant(simulator, psp, "payout_failed", till)
    till.pay()
    simulator.control("POST", "settlements/close", {"psp": psp, "currency": "eur"})
    day = now.date()
    take(simulator.report(f"settlements/{psp}/{day}.csv"), StatementFormat(psp), gateway, now)
    take(simulator.report(f"bank/{day}.xml"), StatementFormat.CAMT053, BANK, now)

    compare(gateway, day, now)

    net = 1000 - FEE
    payouts = Settlement.objects.order_by("amount").values_list("status", "amount", "lines_net")
    assert list(payouts) == [("failed", net, net), ("received", 2 * net, 2 * net)]
    assert [row.kind for row in Discrepancy.objects.all()] == ["payout_failed"]
    assert booked(chart.GATEWAY_CLEARING, gateway) == {}
    assert booked(chart.BANK, BANK) == {"EUR": 2 * net}
