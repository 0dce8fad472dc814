"""`manage.py dr_drill`, for real: a backup is restored beside its source, and proven."""

from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from apps.compliance import drill
from apps.compliance.models import RestoreDrill
from apps.outbox.models import Event
from apps.webhooks.models import InboundEvent
from apps.webhooks.states import InboundStatus
from simulator.testing import RunningSimulator
from tests.factories.payments import confirmed_intent, held_intent
from tests.live.environment import platform_environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

COPY = "_drill"


@pytest.fixture(autouse=True)
def programs_reach_the_simulator(
    simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the programs which the drill starts see what this process sees."""
    for name, value in platform_environment(simulator).items():
        monkeypatch.setenv(name, value)


def rehearse(**options: Any) -> str:
    out = StringIO()
    call_command("dr_drill", stdout=out, **options)
    return out.getvalue()


def small_book() -> None:
    paid = confirmed_intent(amount=1050)
    held_intent(amount=700)
    now = timezone.now()
    reference = paid_reference(paid.latest_attempt_id)
    InboundEvent.objects.create(
        gateway="stripe_main",
        event_id="evt_heard_before",
        type="payment_intent.succeeded",
        kind="payment",
        reference=reference,
        payment_reference=reference,
        attempt_id=paid.latest_attempt_id,
        occurred_at=now,
        body=b"{}",
        received_at=now,
        available_at=now,
        status=InboundStatus.PROCESSED,
        processed_at=now,
    )


def paid_reference(attempt_id: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT gateway_reference FROM payments_paymentattempt WHERE id = %s", [attempt_id]
        )
        return str(cursor.fetchone()[0])


def databases() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        return {row[0] for row in cursor.fetchall()}


def test_a_restored_backup_is_true_hears_webhooks_again_and_does_not_drift() -> None:
    small_book()
    events = Event.objects.count()

    told = rehearse(recover=True)

    assert "ledger_verify: The books are true." in told
    assert "rebuild --verify: " in told
    assert "audit_verify: The chain holds: 0 actions." in told
    assert "repeat_webhooks" in told
    assert "All webhooks since then are heard again." in told
    assert f"drift: 0 of {len(drill.FACTS)} sums differ" in told
    assert "The backup is worth its name." in told
    kept = RestoreDrill.objects.get()
    assert kept.passed is True
    assert kept.backup_bytes > 10_000
    assert kept.rto_ms > 0
    assert kept.rpo_ms == 0
    assert "RTO " in kept.report
    assert Event.objects.count() == events
    assert not any(name.endswith(COPY) for name in databases())


def test_what_the_copy_lacks_or_has_more_fails_the_drill_and_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small_book()
    real = drill._facts_of

    def lossy(database: str) -> Any:
        return {**real(database), "payments": [(1, 1050, 0, 1)]}

    monkeypatch.setattr(drill, "_facts_of", lossy)

    with pytest.raises(CommandError, match="drift in payments"):
        rehearse()

    assert RestoreDrill.objects.get().passed is False


def test_a_database_that_is_there_is_not_overwritten() -> None:
    name = f"{connection.settings_dict['NAME']}_taken"
    with psycopg.connect(drill._conninfo(drill._source()), autocommit=True) as session:
        session.execute(f'CREATE DATABASE "{name}"')
    try:
        with pytest.raises(CommandError, match="already exists"):
            rehearse(database=name)

        assert name in databases()
        assert not RestoreDrill.objects.exists()
    finally:
        drill._drop(name)


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(CommandError, match="needs a time zone"):
        call_command("repeat_webhooks", since=timezone.now().replace(tzinfo=None))
