"""Every figure equals a count of the facts, also when facts come late or figures are made twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.gateways.errors import GatewayUnknown
from apps.payments.models import PaymentAttempt
from apps.payments.services.refunds import request_refund, run_refund
from apps.reporting.models import HourOfAttempts, HourOfBooks, HourOfEvents, RollUp
from apps.reporting.selectors import (
    Interval,
    Money,
    count_declines,
    count_events,
    figures_as_of,
    summarise_money,
    summarise_tries,
)
from apps.reporting.services import roll_up, roll_up_hours
from tests.factories.payments import SCOPE, TESTER, confirmed_intent, created_intent, held_intent
from tests.fake_gateway import FakeGateway, decline

# What the gateway of the test keeps of each payment.
FEE = 30

pytestmark = pytest.mark.django_db


def one(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def window() -> dict[str, Any]:
    now = timezone.now()
    return {"scope": SCOPE, "since": now - timedelta(hours=3), "until": now + timedelta(hours=1)}


def a_days_work(gateway: FakeGateway) -> None:
    """Two captures, a hold, a decline, an unfinished intent, a refund, a yen."""
    first = confirmed_intent(amount=10_000)
    confirmed_intent(amount=2_500)
    held_intent(amount=7_000)
    gateway.script = [decline("insufficient_funds")]
    confirmed_intent(amount=400)
    created_intent(amount=90_000)
    confirmed_intent(amount=300, currency="JPY")
    refund = request_refund(
        scope=SCOPE, intent_id=first.id, amount=1_000, origin=TESTER, now=timezone.now()
    )
    run_refund(refund_id=refund.id, now=timezone.now())


def test_money_figures_equal_the_ledger(gateway: FakeGateway) -> None:
    a_days_work(gateway)

    roll_up(now=timezone.now())

    money = {currency: row for (_, currency), row in summarise_money(
        **window(), interval=Interval.MONTH
    ).items()}  # fmt: skip
    clearing = """
        SELECT coalesce(sum(posting.amount), 0) FROM ledger_posting posting
          JOIN ledger_account account ON account.id = posting.account_id
          JOIN ledger_journalentry entry ON entry.id = posting.entry_id
         WHERE account.code = 'gateway_clearing' AND posting.layer = 'posted'
           AND posting.currency = 'EUR'
    """
    assert money["EUR"].net == one(clearing)
    assert money["EUR"].captured == one(
        "SELECT sum(amount_received) FROM payments_paymentintent WHERE currency = 'EUR'"
    )
    assert money["EUR"].refunded == one(
        "SELECT sum(amount_refunded) FROM payments_paymentintent WHERE currency = 'EUR'"
    )
    assert money["EUR"] == Money(
        captured=12_500, captures=2, refunded=1_000, refunds=1, disputed=0,
        fees=2 * FEE, net=11_500 - 2 * FEE,
    )  # fmt: skip
    assert money["JPY"].captured == 300


def test_attempt_figures_equal_the_attempts(gateway: FakeGateway) -> None:
    a_days_work(gateway)

    roll_up(now=timezone.now())

    tries = {currency: row for (_, currency), row in summarise_tries(
        **window(), interval=Interval.MONTH
    ).items()}  # fmt: skip
    assert sum(row.attempts for row in tries.values()) == PaymentAttempt.objects.count() == 5
    euro = tries["EUR"]
    assert (euro.attempts, euro.approved, euro.declined, euro.approval_rate) == (4, 3, 1, 7_500)
    declined = PaymentAttempt.objects.get(status="failed")
    assert count_declines(**window()) == {(declined.gateway, declined.error_class): 1}


def test_event_figures_equal_the_events(gateway: FakeGateway) -> None:
    a_days_work(gateway)

    roll_up(now=timezone.now())

    assert list(count_events(**window()).values()) == [{"refund.created": 1}]


def test_what_comes_late_changes_the_hour_it_belongs_to(gateway: FakeGateway) -> None:
    now = timezone.now()
    gateway.after = [GatewayUnknown("read timeout"), GatewayUnknown("read timeout")]
    confirmed_intent(amount=800)
    roll_up(now=now)
    before = {row.status: row.attempts for row in HourOfAttempts.objects.all()}

    attempt = PaymentAttempt.objects.get()
    PaymentAttempt.objects.filter(pk=attempt.pk).update(status="captured")
    roll_up(now=now + timedelta(minutes=1))

    assert before == {"unknown": 1}
    assert {row.status: row.attempts for row in HourOfAttempts.objects.all()} == {"captured": 1}


def test_making_the_figures_twice_changes_nothing(gateway: FakeGateway) -> None:
    a_days_work(gateway)
    now = timezone.now()

    def rows() -> list[Any]:
        models: list[Any] = [HourOfBooks, HourOfAttempts, HourOfEvents]
        return [
            sorted(map(str, model.objects.values_list(*_without_id(model)))) for model in models
        ]

    roll_up_hours(since=now - timedelta(hours=1), until=now)
    once = rows()
    roll_up_hours(since=now - timedelta(hours=5), until=now)

    assert rows() == once
    assert all(once)


def _without_id(model: Any) -> list[str]:
    return [field.name for field in model._meta.concrete_fields if field.name != "id"]


def test_figures_take_few_statements_however_many_payments(
    gateway: FakeGateway, django_assert_num_queries: Any
) -> None:
    a_days_work(gateway)
    roll_up(now=timezone.now())

    # The row and its lock, savepoints, three times forgetting and making, the row again.
    with django_assert_num_queries(13):
        roll_up(now=timezone.now())


def test_hours_are_looked_at_again_for_three_days_each_hour() -> None:
    noon = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)

    assert roll_up(now=noon) == 73
    assert roll_up(now=noon + timedelta(minutes=1)) == 2
    assert roll_up(now=noon + timedelta(hours=1)) == 73
    # The sweep rested for a night: no hour of it is left out.
    assert roll_up(now=noon + timedelta(hours=10)) == 73
    assert figures_as_of() == noon + timedelta(hours=10)
    assert RollUp.objects.count() == 1
