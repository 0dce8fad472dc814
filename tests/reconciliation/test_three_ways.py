"""Ledger, gateway and bank agree, or each difference has its name (AC-60 to AC-68)."""

import pytest

from apps.ledger.selectors import balance_of
from apps.reconciliation.models import StatementLine
from tests.factories.payments import SCOPE
from tests.fake_gateway import FakeGateway
from tests.reconciliation.statements import (
    charge_row,
    exceptions,
    paid,
    run,
    upload,
)

pytestmark = pytest.mark.django_db


def posted(code: str, owner: str = "") -> int:
    return balance_of(scope=SCOPE, code=code, currency="EUR", owner=owner).posted


def test_ac_60_a_day_on_which_all_agree_has_no_exceptions(gateway: FakeGateway) -> None:
    attempts = [paid(), paid()]

    upload(*(charge_row(attempt) for attempt in attempts))
    result = run()

    assert exceptions() == []
    assert (result.lines, result.lines_matched, result.facts_expected) == (2, 2, 0)
    assert result.difference == {}
    rules = set(StatementLine.objects.values_list("subject_id", "rule"))
    assert rules == {(attempt.id, "payment_reference") for attempt in attempts}
