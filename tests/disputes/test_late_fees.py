"""Adyen tells what a dispute costs in its settlement report only: it is booked from there."""

import pytest
from django.utils import timezone

from apps.common.origin import CLOCK
from apps.disputes.models import Dispute
from apps.reconciliation.models import Discrepancy
from apps.reconciliation.services import reconcile_day
from apps.reconciliation.states import StatementFormat
from simulator.adyen.disputes import FEE
from tests.disputes.stories import balances, history, moved
from tests.disputes.worlds import World, answer
from tests.factories.payments import SCOPE
from tests.gateways.rigs import ADYEN
from tests.reconciliation.at_gateways import take

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.parametrize("world", [(ADYEN, "as told")], indirect=True),
]


def compare(world: World) -> None:
    """Read the day's settlement report, and compare it with the books."""
    now = timezone.now()
    report = world.simulator.report(f"settlements/{world.rig.psp}/{now.date()}.csv")
    take(report, StatementFormat(world.rig.psp), world.name, now)
    reconcile_day(scope=SCOPE, gateway=world.name, day=now.date(), origin=CLOCK, now=now)


def test_ac_083_the_fee_of_each_round_is_booked_once_from_the_report(world: World) -> None:
    world.pay()
    before = balances()
    answer(world.dispute())
    world.advance("win")
    again = world.advance("appeal")
    answer(again)
    lost = world.advance("lose")
    assert (lost.amount_fees, moved(before).get("dispute_fees")) == (0, None)

    for _ in range(2):
        compare(world)

    dispute = Dispute.objects.get()
    assert (dispute.status, dispute.amount_fees) == ("lost", 2 * FEE)
    changes = moved(before)
    assert changes["dispute_fees"] == 2 * FEE
    assert changes["gateway_clearing"] == -1000 - 2 * FEE - changes["gateway_fees"]
    assert not Discrepancy.objects.exists()
    assert history(dispute)[-2:] == ["updated", "updated"]


def test_ac_088_what_a_rule_settled_costs_no_fee(world: World) -> None:
    world.pay()
    before = balances()
    world.dispute(stage="inquiry")
    world.advance("prevent")

    compare(world)

    assert Dispute.objects.get().amount_fees == 0
    assert "dispute_fees" not in moved(before)
    assert not Discrepancy.objects.exists()
