"""The row is the fold of its events: proved, guarded by PostgreSQL, found when tampered with."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import IntegrityError

from apps.outbox.history import find_differences, fold
from apps.outbox.models import Event
from apps.payments.models import PaymentAttempt, PaymentIntent
from tests.factories.payments import confirmed_intent, created_intent, held_intent
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db


def execute(sql: str, *params: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def tamper(sql: str, *params: str) -> None:
    """Do what the owner of the tables could do, with the guards lifted."""
    execute("ALTER TABLE payments_paymentintent DISABLE TRIGGER USER")
    execute(sql, *params)
    execute("ALTER TABLE payments_paymentintent ENABLE TRIGGER USER")


def test_folding_the_events_gives_the_row(gateway: FakeGateway) -> None:
    intent = confirmed_intent(amount=1050)

    folded = fold(
        PaymentIntent,
        intent.id,
        list(Event.objects.filter(object_id=intent.id).order_by("sequence")),
    )

    assert (folded.status, folded.amount_received, folded.version) == ("succeeded", 1050, 3)
    assert folded.latest_charge_id == intent.latest_charge_id


def test_rebuild_verify_names_the_row_and_the_column_that_lie(gateway: FakeGateway) -> None:
    confirmed_intent()
    liar = confirmed_intent(amount=1000)
    tamper("UPDATE payments_paymentintent SET amount_received = 999 WHERE id = %s", liar.id)
    out = StringIO()

    with pytest.raises(CommandError, match="1 differences in all"):
        call_command("rebuild", verify=True, stdout=out)

    assert {
        f"{liar.id} amount_received: the row says 999, its events say 1000",
        "2 payment intents: 1 differences",
        "0 payouts: 0 differences",
    } <= set(out.getvalue().splitlines())
    assert [d.object_id for d in find_differences()] == [liar.id]


def test_rebuild_verify_is_content_with_an_honest_book(gateway: FakeGateway) -> None:
    confirmed_intent()
    held_intent()
    created_intent()
    out = StringIO()

    call_command("rebuild", verify=True, stdout=out)

    assert "3 payment intents: 0 differences" in out.getvalue().splitlines()


@pytest.mark.parametrize(
    "change",
    [
        "status = 'succeeded'",
        "amount = 1",
        "status = 'canceled', version = version + 1",
        "version = version - 1",
    ],
)
def test_postgresql_refuses_a_change_without_its_event(gateway: FakeGateway, change: str) -> None:
    intent = created_intent(amount=1000)

    with pytest.raises(IntegrityError), transaction.atomic():
        execute(f"UPDATE payments_paymentintent SET {change} WHERE id = %s", intent.id)  # noqa: S608

    stored = PaymentIntent.objects.get(pk=intent.id)
    assert (stored.status, stored.amount, stored.version) == ("created", 1000, 1)


@pytest.mark.parametrize("change", ["amount_refunded = 1001", "amount_refund_pending = -1"])
def test_postgresql_refuses_to_refund_more_than_was_received(
    gateway: FakeGateway, change: str
) -> None:
    intent = confirmed_intent(amount=1000)

    with pytest.raises(IntegrityError), transaction.atomic():
        execute(f"UPDATE payments_paymentintent SET {change} WHERE id = %s", intent.id)  # noqa: S608


def test_postgresql_refuses_a_second_attempt_that_keeps_the_money(gateway: FakeGateway) -> None:
    intent = confirmed_intent(amount=1000)
    attempt = intent.attempts.get()
    second = PaymentAttempt.objects.get(pk=attempt.pk)
    second.pk = attempt.pk[:-4] + "zzzz"
    second.number = 2

    with pytest.raises(IntegrityError, match="one_kept_attempt_per_intent"), transaction.atomic():
        second.save(force_insert=True)
