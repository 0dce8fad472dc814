"""The clock compares yesterday once, and again when statements come."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from apps.ledger.models import Account
from apps.reconciliation.figures import measure_runs
from apps.reconciliation.models import ReconciliationRun
from apps.reconciliation.tasks import reconcile_yesterday
from tests.fake_gateway import FakeGateway
from tests.reconciliation.statements import (
    DAY,
    GATEWAY,
    NOON,
    charge_row,
    csv_of,
    paid,
    run,
    upload,
)

pytestmark = pytest.mark.django_db

TOMORROW = NOON + timedelta(days=1)


def test_yesterday_is_compared_once_and_again_when_a_statement_comes(gateway: FakeGateway) -> None:
    upload(charge_row(paid()))

    assert reconcile_yesterday(now=TOMORROW) == 1
    assert reconcile_yesterday(now=TOMORROW + timedelta(minutes=10)) == 0

    run = ReconciliationRun.objects.get()
    assert (run.day, run.lines_matched, run.actor) == (DAY, 1, "clock")


def test_the_command_takes_a_file_in_and_compares_its_day(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    file = tmp_path / "report.csv"
    file.write_bytes(csv_of([charge_row(paid()), {**charge_row(paid()), "gross": "x"}]))
    said, warned = io.StringIO(), io.StringIO()

    call_command(
        "reconcile", "--date", "2026-11-18", "--merchant", "mer_test", "--file", str(file),
        "--source", "stripe_main", "--format", "stripe", stdout=said, stderr=warned,
    )  # fmt: skip

    assert "1 of 1 lines matched" in said.getvalue()
    assert "line 3: 'x' is no amount" in warned.getvalue()


def test_a_gateway_that_was_never_compared_is_missed_from_its_first_money_on(
    gateway: FakeGateway,
) -> None:
    assert [metric.samples for metric in measure_runs(NOON)][1] == []

    paid()

    _, last_success = measure_runs(NOON)
    begun = Account.objects.get(code="gateway_clearing").created_at
    assert [(s.labels, s.value) for s in last_success.samples] == [
        ({"gateway": GATEWAY}, begun.timestamp())
    ]


def test_a_run_tells_the_metrics_what_it_left_open(gateway: FakeGateway) -> None:
    upload(charge_row(paid(), gross="101.00", net="97.80"))

    run()

    breaks, last_success = measure_runs(NOON)
    open_by_kind = {sample.labels["kind"]: sample.value for sample in breaks.samples}
    assert (open_by_kind["amount_over"], open_by_kind["amount_under"]) == (1, 0)
    assert [(s.labels, s.value) for s in last_success.samples] == [
        ({"gateway": GATEWAY}, NOON.timestamp())
    ]
