"""Money on the bank account that no payout explains."""

from datetime import timedelta

import pytest

from apps.ledger import chart
from apps.ledger.selectors import balance_of
from apps.reconciliation.models import BankLine, Discrepancy
from apps.reconciliation.policies import BANK_DAYS
from apps.reconciliation.services import resolve_exception
from apps.reconciliation.states import StatementFormat
from tests.factories.payments import SCOPE
from tests.fake_gateway import FakeGateway
from tests.reconciliation.statements import (
    DAY,
    FINANCE,
    NOON,
    charge_row,
    exceptions,
    paid,
    payout_row,
    run,
    upload,
)

pytestmark = pytest.mark.django_db

BANK = "main_bank"
HEADER = "booking_date,amount,currency,reference,description\n"


def credit(text: str) -> None:
    """Take in a bank statement with these rows."""
    upload(content=(HEADER + text).encode(), format=StatementFormat.BANK_CSV, source=BANK)


def test_a_credit_that_fits_nothing_is_an_exception_of_the_bank_once(gateway: FakeGateway) -> None:
    credit(f"{DAY},12.50,EUR,B1,Thanks\n{DAY},-3.00,EUR,B2,Charges\n")

    run()
    young = exceptions()
    for _ in range(2):
        run(day=DAY + timedelta(days=BANK_DAYS))

    assert young == []
    assert exceptions(gateway=BANK) == [("bank_unexplained", None, 1250)]


def test_an_entry_under_a_known_reference_is_refused_unless_it_says_the_same(
    gateway: FakeGateway,
) -> None:
    credit(f"{DAY},12.50,EUR,1,Thanks\n")

    file = upload(
        content=f"{HEADER}{DAY},12.50,EUR,1,Thanks again\n{DAY},7.00,EUR,1,Others\n".encode(),
        format=StatementFormat.BANK_CSV,
        source=BANK,
    )

    assert (file.lines_new, file.lines_known, file.lines_refused) == (0, 1, 1)
    refusal = file.refusals.get()
    assert (refusal.number, refusal.reason) == (
        3, "its reference stands for another movement already",
    )  # fmt: skip
    assert [line.amount for line in BankLine.objects.all()] == [1250]


def test_a_bank_statement_that_begins_with_a_byte_order_mark_is_read(gateway: FakeGateway) -> None:
    text = f"\ufeff{HEADER}{DAY},12.50,EUR,B1,Thanks\n"

    file = upload(content=text.encode(), format=StatementFormat.BANK_CSV, source=BANK)

    assert (file.lines_new, file.lines_refused) == (1, 0)


def test_a_credit_closes_by_itself_when_its_payout_is_reported(gateway: FakeGateway) -> None:
    credit(f"{DAY},96.80,EUR,B1,po_1234567\n")
    later = DAY + timedelta(days=BANK_DAYS)
    run(day=later)
    upload(charge_row(paid(), automatic_payout_id="po_1234567"), payout_row("po_1234567", 9_680))

    run(day=later)

    assert exceptions(gateway=BANK) == []
    assert Discrepancy.objects.get(kind="bank_unexplained").resolved_by == "clock"


def test_an_unexplained_credit_is_parked_in_suspense(gateway: FakeGateway) -> None:
    credit(f"{DAY},12.50,EUR,B1,Thanks\n")
    run(day=DAY + timedelta(days=BANK_DAYS))

    resolve_exception(
        scope=SCOPE,
        exception_id=Discrepancy.objects.get().id,
        action="correct",
        reason="Sender unknown.",
        origin=FINANCE,
        now=NOON,
    )

    assert balance_of(scope=SCOPE, code=chart.BANK, currency="EUR", owner=BANK).posted == 1250
    assert balance_of(scope=SCOPE, code=chart.SUSPENSE, currency="EUR").posted == 1250
