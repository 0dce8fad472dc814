"""Paid in euros, credited in dollars, given back at another rate: our books say what theirs say."""

from collections import Counter

import pytest
from django.utils import timezone

from apps.ledger.models import Balance
from apps.ledger.selectors import balance_of, list_trial_balance
from apps.ledger.services import rebuild_balances
from apps.ledger.verification import verify_books
from apps.outbox.history import find_differences
from apps.payments.models import PaymentIntent
from apps.payments.services.refunds import request_refund, run_refund
from simulator.testing import RunningSimulator
from tests.factories.payments import SCOPE, TESTER, confirmed_intent
from tests.ledger.books import execute
from tests.simulator.payments import connect

pytestmark = pytest.mark.django_db


def posted(code: str, currency: str, owner: str = "") -> int:
    return balance_of(scope=SCOPE, code=code, currency=currency, owner=owner).posted


def clearing(currency: str) -> int:
    return posted("gateway_clearing", currency, "stripe_main")


def at_the_gateway(simulator: RunningSimulator) -> dict[str, int]:
    """Return what the gateway's own books hold for us."""
    with connect(simulator.psp_url) as client:
        balance = client.v1.balance.retrieve()
    sums = Counter({part.currency: part.amount for part in balance.available})
    sums.update({part.currency: part.amount for part in balance.pending})
    return {currency: amount for currency, amount in sums.items() if amount}


def sums_per_currency() -> dict[str, int]:
    sums: dict[str, int] = {}
    for line in list_trial_balance(scope=SCOPE):
        sums[line.currency] = sums.get(line.currency, 0) + line.debit - line.credit
    return sums


def balances() -> list[tuple[int, int, int]]:
    rows = Balance.objects.order_by("account_id", "shard")
    return [(row.account_id, row.debit_posted, row.credit_posted) for row in rows]


def refund(intent: PaymentIntent, amount: int) -> None:
    now = timezone.now()
    asked = request_refund(scope=SCOPE, intent_id=intent.id, amount=amount, origin=TESTER, now=now)
    assert run_refund(refund_id=asked.id, origin=TESTER, now=now).status == "succeeded"


def test_ac_045_paid_in_euros_credited_in_dollars_refunded_at_another_rate(
    simulator: RunningSimulator,
) -> None:
    simulator.exchange("usd", eur="1.08")
    intent = confirmed_intent(amount=10_000)
    assert intent.status == "succeeded"
    assert at_the_gateway(simulator) == {"usd": 10_800 - 343}
    assert clearing("USD") == 10_800 - 343

    simulator.exchange("usd", eur="1.1")
    refund(intent, 4_000)

    assert at_the_gateway(simulator) == {"usd": 10_800 - 343 - 4_400}
    assert (clearing("EUR"), clearing("USD")) == (0, 10_800 - 343 - 4_400)
    assert (posted("sales", "EUR"), posted("refunds", "EUR")) == (10_000, 4_000)
    assert posted("gateway_fees", "USD", "stripe_main") == 343
    assert posted("fx_gain_loss", "USD") == 4_320 - 4_400
    assert (posted("fx_clearing", "EUR"), posted("fx_clearing", "USD")) == (6_000, -6_480)

    refund(intent, 6_000)

    assert (posted("fx_clearing", "EUR"), posted("fx_clearing", "USD")) == (0, 0)
    assert posted("fx_gain_loss", "USD") == 10_800 - 11_000
    assert at_the_gateway(simulator) == {"usd": clearing("USD")}
    assert sums_per_currency() == {"EUR": 0, "USD": 0}
    assert list(verify_books()) == []
    assert list(find_differences()) == []
    before = balances()
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    rebuild_balances()
    assert balances() == before
