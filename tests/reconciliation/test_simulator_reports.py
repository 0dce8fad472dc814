"""The simulator's reports and bank, with planted discrepancies: exactly those are found."""

import io
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest

from apps.common.origin import CLOCK
from apps.ledger.recipes import Fact, captured
from apps.ledger.services import post_entry
from apps.payments.models import PaymentAttempt
from apps.reconciliation.models import Discrepancy, Settlement
from apps.reconciliation.services import import_statement, reconcile_day
from apps.reconciliation.states import StatementFormat
from simulator.testing import RunningSimulator
from tests.factories.payments import SCOPE, created_intent
from tests.reconciliation.statements import GATEWAY
from tests.simulator.payments import connect, pay

pytestmark = pytest.mark.django_db

PLANTS = (
    "missing_in_ledger",
    "missing_in_report",
    "amount_over",
    "amount_under",
    "fee_mismatch",
    "currency_mismatch",
    "duplicate_line",
    "split_mismatch",
)


@pytest.fixture(autouse=True)
def due_at_once(settings: Any) -> None:
    settings.RECONCILIATION_DUE_DAYS = 0


def pay_at_both(client: Any, number: int, now: datetime) -> None:
    """Let Stripe take EUR 10.00, and book the same."""
    intent = created_intent(amount=1000)
    attempt = PaymentAttempt.objects.create(
        intent=intent, merchant_id=SCOPE.merchant_id, livemode=False, number=1, amount=1000,
        currency="EUR", gateway=GATEWAY, created_at=now,
    )  # fmt: skip
    pay(client, key=f"k{number}", intent=intent.id, attempt=attempt.id)
    fact = Fact(scope=SCOPE, id=attempt.id, amount=1000, currency="EUR", gateway=GATEWAY, at=now)
    post_entry(captured(fact, fee=59))


def take(content: bytes, format: StatementFormat, source: str, now: datetime) -> None:
    import_statement(
        scope=SCOPE, source=source, format=format, stream=io.BytesIO(content), name="report",
        origin=CLOCK, now=now,
    )  # fmt: skip


def reconcile(simulator: RunningSimulator, day: date, now: datetime) -> None:
    report = simulator.report(f"settlements/stripe/{day}.csv")
    take(report, StatementFormat.STRIPE, GATEWAY, now)
    take(simulator.report(f"bank/{day}.xml"), StatementFormat.CAMT053, "main_bank", now)
    for _ in range(2):
        reconcile_day(scope=SCOPE, gateway=GATEWAY, day=day, origin=CLOCK, now=now)


def today() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the simulator's own time


def test_a_day_without_mistakes_is_paid_out_and_received(simulator: RunningSimulator) -> None:
    now = today()
    with connect(simulator.psp_url) as client:
        for number in range(3):
            pay_at_both(client, number, now)
    simulator.control("POST", "settlements/close", {"psp": "stripe", "currency": "eur"})

    reconcile(simulator, now.date(), now)

    assert not Discrepancy.objects.exists()
    settlement = Settlement.objects.get()
    assert (settlement.status, settlement.amount) == ("received", 3 * (1000 - 59))


def test_each_planted_discrepancy_is_found_with_its_type_and_no_other(
    simulator: RunningSimulator,
) -> None:
    now = today()
    with connect(simulator.psp_url) as client:
        for number in range(len(PLANTS) + 2):
            pay_at_both(client, number, now)
    for kind in PLANTS:
        simulator.control("POST", "settlements/plant", {"psp": "stripe", "kind": kind})

    reconcile(simulator, now.date(), now)

    found = Counter(Discrepancy.objects.values_list("kind", flat=True))
    assert found == Counter(PLANTS)
