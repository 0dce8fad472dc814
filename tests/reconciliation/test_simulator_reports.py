"""Both gateways' reports and the bank, with planted discrepancies: exactly those are found."""

import io
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.common.origin import CLOCK
from apps.gateways.adyen.client import AdyenCalls
from apps.gateways.base import GatewayAccount
from apps.ledger.recipes import Fact, captured
from apps.ledger.services import post_entry
from apps.payments.models import PaymentAttempt
from apps.reconciliation.models import Discrepancy, ReconciliationRun, Settlement
from apps.reconciliation.services import import_statement, reconcile_day
from apps.reconciliation.states import StatementFormat
from simulator.testing import RunningSimulator
from tests.factories.payments import SCOPE, created_intent
from tests.reconciliation.statements import GATEWAY
from tests.simulator.payments import connect, pay

pytestmark = pytest.mark.django_db

ADYEN_GATEWAY = "adyen_main"
K_OF_EACH = 3
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


def book(number: int, gateway: str, now: datetime) -> PaymentAttempt:
    """Book EUR 10.00 as taken by the gateway."""
    intent = created_intent(amount=1000)
    attempt = PaymentAttempt.objects.create(
        intent=intent, merchant_id=SCOPE.merchant_id, livemode=False, number=1, amount=1000,
        currency="EUR", gateway=gateway, created_at=now,
    )  # fmt: skip
    fact = Fact(scope=SCOPE, id=attempt.id, amount=1000, currency="EUR", gateway=gateway, at=now)
    post_entry(captured(fact, fee=59))
    return attempt


def pay_at_stripe(simulator: RunningSimulator, count: int, now: datetime) -> None:
    """Let Stripe take EUR 10.00 so often, and book the same."""
    with connect(simulator.psp_url) as client:
        for number in range(count):
            attempt = book(number, GATEWAY, now)
            pay(client, key=f"k{number}", intent=attempt.intent_id, attempt=attempt.id)


def pay_at_adyen(simulator: RunningSimulator, count: int, now: datetime) -> None:
    """Let Adyen take EUR 10.00 so often, and book the same."""
    account = GatewayAccount(
        name=ADYEN_GATEWAY, api_key="adyen_test_simulator", api_base=simulator.psp_url,
        merchant_account="SimulatedECOM",
    )  # fmt: skip
    calls = AdyenCalls(account)
    for number in range(count):
        attempt = book(number, ADYEN_GATEWAY, now)
        payment = {
            "amount": {"value": 1000, "currency": "EUR"},
            "reference": attempt.id,
            "merchantOrderReference": attempt.intent_id,
            "paymentMethod": {"type": "scheme", "encryptedCard": "tok_visa"},
            "captureDelayHours": 0,
        }
        assert calls.pay(payment, key=attempt.id)["resultCode"] == "Authorised"
    calls.close()
    simulator.control("POST", "webhooks/flush", {})


PAY = {"stripe": pay_at_stripe, "adyen": pay_at_adyen}
GATEWAYS = {"stripe": GATEWAY, "adyen": ADYEN_GATEWAY}


def take(content: bytes, format: StatementFormat, source: str, now: datetime) -> None:
    import_statement(
        scope=SCOPE, source=source, format=format, stream=io.BytesIO(content), name="report",
        origin=CLOCK, now=now,
    )  # fmt: skip


def reconcile(simulator: RunningSimulator, psp: str, now: datetime) -> list[ReconciliationRun]:
    """Take the day's report and the bank's statement in, and compare twice."""
    day = now.date()
    take(simulator.report(f"settlements/{psp}/{day}.csv"), StatementFormat(psp), GATEWAYS[psp], now)
    take(simulator.report(f"bank/{day}.xml"), StatementFormat.CAMT053, "main_bank", now)
    return [
        reconcile_day(scope=SCOPE, gateway=GATEWAYS[psp], day=day, origin=CLOCK, now=now)
        for _ in range(2)
    ]


def today() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the simulator's own time


@pytest.mark.parametrize("psp", ["stripe", "adyen"])
def test_a_day_without_mistakes_is_paid_out_and_received(
    simulator: RunningSimulator, psp: str
) -> None:
    now = today()
    PAY[psp](simulator, 3, now)
    simulator.control("POST", "settlements/close", {"psp": psp, "currency": "eur"})

    reconcile(simulator, psp, now)

    assert not Discrepancy.objects.exists()
    settlement = Settlement.objects.get()
    assert (settlement.status, settlement.amount) == ("received", 3 * (1000 - 59))


@pytest.mark.parametrize("psp", ["stripe", "adyen"])
def test_k_planted_discrepancies_of_each_type_are_found_as_k_of_that_type(
    simulator: RunningSimulator, psp: str
) -> None:
    now = today()
    PAY[psp](simulator, K_OF_EACH * len(PLANTS) + 2, now)
    for kind in PLANTS * K_OF_EACH:
        simulator.control("POST", "settlements/plant", {"psp": psp, "kind": kind})

    first, second = reconcile(simulator, psp, now)

    found = Counter(Discrepancy.objects.values_list("kind", flat=True))
    assert found == Counter(PLANTS * K_OF_EACH)
    assert first.exceptions_opened == K_OF_EACH * len(PLANTS)
    assert (second.exceptions_opened, second.exceptions_closed) == (0, 0)
