"""
k mistakes of every kind in the reports of each gateway, worked off on the screens by two people.

The simulator plants them; finance corrects what is wrong, a second person agrees to what is above
the limit. In the end the books say of the gateway and of the bank what these say of themselves.
"""

import uuid
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Sum
from django.test import Client
from django.urls import reverse

from apps.api.models import Merchant
from apps.backoffice.models import Approval
from apps.backoffice.services import setup_roles
from apps.ledger import chart
from apps.ledger.selectors import list_trial_balance
from apps.reconciliation.models import BankLine, Discrepancy, StatementFile
from apps.reconciliation.states import DiscrepancyKind, StatementFormat
from simulator.plants import PLANTS
from simulator.testing import RunningSimulator
from tests.backoffice.conftest import Enter, enter  # noqa: F401 - the fixture
from tests.factories.backoffice import staff
from tests.factories.payments import SCOPE
from tests.reconciliation.at_gateways import GATEWAYS, Till, take, today
from tests.reconciliation.plants import (
    BANK,
    FOUND_AS,
    KINDS,
    NOT_BOOKED,
    booked,
    compare_all,
    plant,
    told_by_gateway,
)

pytestmark = pytest.mark.django_db

K_OF_EACH = 2


@pytest.fixture(autouse=True)
def few_days_and_cents(settings: Any) -> None:
    settings.RECONCILIATION_DUE_DAYS = 0
    # Whole payments are above it, differences of a euro are not.
    settings.RECONCILIATION_APPROVAL_LIMIT = Decimal(5)


@pytest.fixture
def finance(enter: Enter) -> tuple[Client, Client]:  # noqa: F811
    """Return the browsers of two people of finance."""
    setup_roles()
    Merchant.objects.create(id=SCOPE.merchant_id, name="Ada's books", created_at=today())
    first, second = (
        enter(staff(email=f"{name}@shop.example", role="finance_lead")) for name in ("lee", "kim")
    )
    return first, second


def plant_all(simulator: RunningSimulator, psp: str, till: Till) -> Counter[str]:
    """Plant k of every kind, and return as what they are to be found."""
    for kind in sorted(KINDS * K_OF_EACH, key=KINDS.index):
        plant(simulator, psp, kind, till)
    till.pay()
    return Counter(FOUND_AS.get(kind, kind) for kind in KINDS * K_OF_EACH)


def send(client: Client, row: Any, dialog: str, **answers: str) -> str:
    """Send a dialog of an object as the browser does, and return the page after it."""
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_dialog"
    url = reverse(name, args=[row.pk, dialog])
    answer = client.post(url, {"nonce": str(uuid.uuid4()), **answers}, follow=True)
    assert answer.status_code == 200, answer.content.decode()
    return answer.content.decode()


def fix(row: Discrepancy, lee: Client, kim: Client) -> None:
    """Do what helps on the screen; let the other one approve what is above the limit."""
    dialog = NOT_BOOKED.get(row.kind, "correct")
    send(lee, row, dialog, reason="As the gateway has it.")
    waiting = Approval.objects.filter(subject_id=row.id, status="pending").first()
    if waiting:
        send(kim, waiting, "approve")


def test_every_kind_of_exception_is_among_those_that_are_planted() -> None:
    assert {FOUND_AS.get(kind, kind) for kind in KINDS} == set(DiscrepancyKind.values)
    assert set(KINDS) == set(PLANTS)


@pytest.mark.parametrize("psp", ["stripe", "adyen"])
def test_ac_069_k_of_every_kind_are_found_and_fixed_on_the_screens_to_zero(
    simulator: RunningSimulator,
    finance: tuple[Client, Client],
    psp: str,
    till_at: Callable[[str], Till],
) -> None:
    now, gateway = today(), GATEWAYS[psp]
    planted = plant_all(simulator, psp, till_at(psp))
    day = now.date()
    report = simulator.report(f"settlements/{psp}/{day}.csv")
    take(report, StatementFormat(psp), gateway, now)
    take(simulator.report(f"bank/{day}.xml"), StatementFormat.CAMT053, BANK, now)

    compare_all(gateway, now)
    assert Counter(Discrepancy.objects.values_list("kind", flat=True)) == planted
    assert StatementFile.objects.get(source=gateway).lines_refused == K_OF_EACH
    again = compare_all(gateway, now)
    assert [run.exceptions_opened for run in again] == [0, 0, 0]
    assert [run.exceptions_closed for run in again] == [0, 0, 0]
    assert booked(chart.GATEWAY_CLEARING, gateway) != told_by_gateway(gateway)

    for row in Discrepancy.objects.order_by("pk"):
        fix(row, *finance)

    assert not Discrepancy.objects.filter(status="open").exists()
    last = compare_all(gateway, now)[-1]
    assert (last.exceptions_opened, last.exceptions_open, last.difference) == (0, 0, {})
    assert booked(chart.GATEWAY_CLEARING, gateway) == told_by_gateway(gateway)
    assert booked(chart.BANK, BANK) == {
        "EUR": BankLine.objects.aggregate(total=Sum("amount"))["total"]
    }
    assert sum(line.debit - line.credit for line in list_trial_balance(scope=SCOPE)) == 0
    call_command("ledger_verify", stdout=StringIO())
    assert Approval.objects.filter(status="approved").exists()
