"""A day without mistakes in both gateways' reports is paid out and received."""

from typing import Any

import pytest

from apps.reconciliation.models import Discrepancy, Settlement
from apps.reconciliation.states import StatementFormat
from simulator.testing import RunningSimulator
from tests.reconciliation.at_gateways import FEE, GATEWAYS, Till, compare, take, today

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
    take(simulator.report(f"bank/{day}.xml"), StatementFormat.CAMT053, "main_bank", now)

    run = compare(GATEWAYS[psp], day, now)

    assert (run.lines, run.lines_matched) == (4, 4)
    assert not Discrepancy.objects.exists()
    settlement = Settlement.objects.get()
    assert (settlement.status, settlement.amount) == ("received", 3 * (1000 - FEE))
