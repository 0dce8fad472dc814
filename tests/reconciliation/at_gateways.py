"""Payments taken by the simulated gateways and booked alike, and their reports compared."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import stripe

from apps.common.origin import CLOCK
from apps.gateways.adyen.client import AdyenCalls
from apps.gateways.base import GatewayAccount
from apps.ledger.recipes import Fact, captured
from apps.ledger.services import post_entry
from apps.payments.models import PaymentAttempt
from apps.reconciliation.models import ReconciliationRun
from apps.reconciliation.services import import_statement, reconcile_day
from apps.reconciliation.states import StatementFormat
from simulator.testing import RunningSimulator
from tests.factories.payments import SCOPE, created_intent
from tests.reconciliation.statements import GATEWAY
from tests.simulator.payments import connect, pay

ADYEN_GATEWAY = "adyen_main"
GATEWAYS = {"stripe": GATEWAY, "adyen": ADYEN_GATEWAY}
AMOUNT = 1000
FEE = 59

# Charges one card for one of our attempts.
Charge = Callable[[PaymentAttempt, str], None]


class Till:
    """Takes EUR 10.00 at a gateway, again and again."""

    def __init__(
        self, simulator: RunningSimulator, gateway: str, charge: Charge, now: datetime
    ) -> None:
        self._simulator = simulator
        self._gateway = gateway
        self._charge = charge
        self._now = now

    def pay(self, *, fee: int = FEE) -> str:
        """Take it there and book it here with what we know of the fee; return our payment."""
        attempt = self._begin("tok_visa", captured=AMOUNT)
        fact = Fact(
            scope=SCOPE, id=attempt.id, amount=AMOUNT, currency="EUR", gateway=self._gateway,
            at=self._now,
        )  # fmt: skip
        post_entry(captured(fact, fee=fee))
        return attempt.intent_id

    def decline(self) -> str:
        """Let the card be declined; return our payment."""
        return self._begin("tok_chargeDeclined").intent_id

    def _begin(self, token: str, *, captured: int = 0) -> PaymentAttempt:
        intent = created_intent(amount=AMOUNT)
        attempt = PaymentAttempt.objects.create(
            intent=intent, merchant_id=SCOPE.merchant_id, livemode=False, number=1, amount=AMOUNT,
            amount_captured=captured, currency="EUR", gateway=self._gateway, created_at=self._now,
        )  # fmt: skip
        self._charge(attempt, token)
        # Adyen moves money a moment after its answer.
        self._simulator.flush_webhooks()
        return attempt


@contextmanager
def open_till(simulator: RunningSimulator, psp: str, now: datetime) -> Iterator[Till]:
    """Return a till at one of the gateways."""
    opened = {"stripe": _charge_at_stripe, "adyen": _charge_at_adyen}[psp]
    with opened(simulator) as charge:
        yield Till(simulator, GATEWAYS[psp], charge, now)


@contextmanager
def _charge_at_stripe(simulator: RunningSimulator) -> Iterator[Charge]:
    with connect(simulator.psp_url) as client:

        def charge(attempt: PaymentAttempt, token: str) -> None:
            method: Any = {"type": "card", "card": {"token": token}}
            try:
                pay(
                    client, key=attempt.id, intent=attempt.intent_id, attempt=attempt.id,
                    payment_method=None, payment_method_data=method,
                )  # fmt: skip
            except stripe.CardError:
                assert token != "tok_visa"

        yield charge


@contextmanager
def _charge_at_adyen(simulator: RunningSimulator) -> Iterator[Charge]:
    account = GatewayAccount(
        name=ADYEN_GATEWAY, api_key="adyen_test_simulator", api_base=simulator.psp_url,
        merchant_account="SimulatedECOM",
    )  # fmt: skip
    calls = AdyenCalls(account)

    def charge(attempt: PaymentAttempt, token: str) -> None:
        payment = {
            "amount": {"value": 1000, "currency": "EUR"},
            "reference": attempt.id,
            "merchantOrderReference": attempt.intent_id,
            "paymentMethod": {"type": "scheme", "encryptedCard": token},
            "captureDelayHours": 0,
        }
        is_taken = calls.pay(payment, key=attempt.id)["resultCode"] == "Authorised"
        assert is_taken == (token == "tok_visa")

    yield charge
    calls.close()


def take(content: bytes, format: StatementFormat, source: str, now: datetime) -> None:
    """Take a report or a bank's statement in."""
    import_statement(
        scope=SCOPE, source=source, format=format, stream=io.BytesIO(content), name="report",
        origin=CLOCK, now=now,
    )  # fmt: skip


def compare(gateway: str, day: date, now: datetime) -> ReconciliationRun:
    """Compare a day of a gateway."""
    return reconcile_day(scope=SCOPE, gateway=gateway, day=day, origin=CLOCK, now=now)


def today() -> datetime:
    """Return the simulator's own time."""
    return datetime.now(UTC)  # noqa: TID251
