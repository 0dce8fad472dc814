"""Retention: what is old goes, once a day, in batches; what must stay stays."""

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.utils import timezone

from apps.compliance.checks import check_retention
from apps.compliance.models import RetentionRun
from apps.compliance.policies import RULES
from apps.compliance.services import count_due, keep_retention, retention
from apps.webhooks.models import InboundEvent
from apps.webhooks.states import InboundStatus

pytestmark = pytest.mark.django_db

NOW = timezone.now()
ROOT = Path(__file__).resolve().parents[2]


def told(days_ago: int, status: InboundStatus = InboundStatus.PROCESSED) -> InboundEvent:
    at = NOW - timedelta(days=days_ago)
    number = InboundEvent.objects.count()
    return InboundEvent.objects.create(
        gateway="stripe_main",
        event_id=f"evt_{number}",
        type="charge.succeeded",
        kind="payment",
        reference="pi_1",
        occurred_at=at,
        body=b"{}",
        received_at=at,
        available_at=at,
        status=status,
        processed_at=at if status == InboundStatus.PROCESSED else None,
    )


def work_off() -> list[int]:
    taken = []
    while deleted := keep_retention(now=NOW):
        taken.append(deleted)
    return taken


def test_what_is_older_than_its_rule_goes_and_is_counted() -> None:
    old, young, dead = told(91), told(89), told(400, InboundStatus.DEAD)

    assert work_off() == [1]

    assert not InboundEvent.objects.filter(pk=old.pk).exists()
    assert InboundEvent.objects.filter(pk__in=[young.pk, dead.pk]).count() == 2
    run = RetentionRun.objects.get(rule="gateway_webhooks")
    assert (run.deleted, run.finished_at, run.cutoff) == (1, NOW, NOW - timedelta(days=90))


def test_a_day_is_done_once() -> None:
    told(91)
    work_off()
    told(91)

    assert work_off() == []
    assert InboundEvent.objects.count() == 1
    assert RetentionRun.objects.count() == len(RULES)


def test_many_rows_go_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(5):
        told(91)

    assert work_off() == [2, 2, 1]
    assert RetentionRun.objects.get(rule="gateway_webhooks").deleted == 5


def test_a_setting_keeps_rows_longer(settings: Any) -> None:
    settings.RETENTION_DAYS = {"gateway_webhooks": 365}
    told(91)

    assert work_off() == []
    assert count_due(now=NOW)["gateway_webhooks"] == 0


@pytest.mark.parametrize(
    "days",
    [
        {"gateway_webhook": 30},
        {"gateway_webhooks": -1},
        {"risk_decisions": 395},
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings: Any, days: dict[str, int]) -> None:
    settings.RETENTION_DAYS = days

    assert [error.id for error in check_retention()] == ["compliance.E001"]


def test_a_dry_run_counts_and_deletes_nothing() -> None:
    told(91)
    said = StringIO()

    call_command("retention", "--dry-run", stdout=said)
    assert "gateway_webhooks: 1 rows would go" in said.getvalue()
    assert InboundEvent.objects.count() == 1

    call_command("retention", stdout=said)
    assert "gateway_webhooks: 1 rows went today" in said.getvalue()
    assert InboundEvent.objects.count() == 0


def test_every_rule_names_a_table_and_column_that_exist() -> None:
    columns = {
        model._meta.db_table: {field.column for field in model._meta.concrete_fields}
        for model in apps.get_models()
    }

    for rule in RULES:
        assert rule.column in columns[rule.table], rule.name
    # Each of them is a statement that PostgreSQL takes.
    assert count_due(now=NOW).keys() == {rule.name for rule in RULES}


def test_the_page_names_every_rule_with_its_days() -> None:
    page = (ROOT / "docs" / "retention.md").read_text()

    for rule in RULES:
        [row] = [line for line in page.splitlines() if line.startswith("|") and rule.name in line]
        assert row.endswith(f"| {rule.days} |")
