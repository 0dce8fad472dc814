"""People resolve exceptions; above the limit only together (AC-69)."""

from typing import Any

import pytest
from django.utils import timezone

from apps.backoffice.models import Approval
from apps.common.errors import ResourceMissing
from apps.common.origin import Origin, Scope
from apps.ledger.models import JournalEntry
from apps.ledger.selectors import balance_of, list_trial_balance
from apps.outbox.models import Event
from apps.reconciliation.errors import AlreadyResolved, CannotCorrect
from apps.reconciliation.handlers import on_correction_approved
from apps.reconciliation.models import Discrepancy
from apps.reconciliation.services import resolve_exception
from tests.factories.payments import SCOPE
from tests.fake_gateway import FakeGateway
from tests.reconciliation.statements import (
    FINANCE,
    GATEWAY,
    NOON,
    charge_row,
    paid,
    run,
    stripe_row,
    upload,
)

pytestmark = pytest.mark.django_db


def one_exception(**change: str) -> Discrepancy:
    upload(charge_row(paid(), **change))
    run()
    return Discrepancy.objects.get()


def resolve(exception: Discrepancy, action: str, **options: Any) -> Discrepancy:
    wish: dict[str, Any] = {
        "scope": SCOPE,
        "exception_id": exception.id,
        "action": action,
        "reason": "because",
        "origin": FINANCE,
        "now": NOON,
    }
    return resolve_exception(**wish | options)


def clearing() -> int:
    return balance_of(scope=SCOPE, code="gateway_clearing", currency="EUR", owner=GATEWAY).posted


def test_ac_069_a_correction_makes_the_gateways_account_agree(gateway: FakeGateway) -> None:
    exception = one_exception(fee="3.00", net="97.00")
    assert clearing() == 9_680

    resolved = resolve(exception, "correct")

    assert clearing() == 9_700
    entry = JournalEntry.objects.get(pk=resolved.resolution_entry_id)
    assert (entry.kind, entry.source_id) == ("corrected", exception.id)
    assert (resolved.status, resolved.resolved_by) == ("resolved", FINANCE.actor)
    trial = list_trial_balance(scope=SCOPE)
    assert sum(line.debit for line in trial) == sum(line.credit for line in trial)
    assert run().difference == {}


def test_ac_069_a_difference_is_written_off_with_a_reason(gateway: FakeGateway) -> None:
    exception = one_exception(gross="99.99", net="96.79")

    resolved = resolve(exception, "write_off")

    assert (resolved.status, resolved.resolution_reason) == ("written_off", "because")
    assert balance_of(scope=SCOPE, code="writeoff", currency="EUR").posted == 1


def test_ac_069_above_the_limit_nothing_is_booked_until_a_second_person_agrees(
    gateway: FakeGateway,
) -> None:
    upload(stripe_row(reference="t", category="charge", source="ch_x", gross=10_001))
    run()
    exception = Discrepancy.objects.get()

    waiting = resolve(exception, "correct")

    assert waiting.status == "open"
    assert clearing() == 0
    approval = Approval.objects.get()
    assert (approval.kind, approval.amount) == ("reconciliation_correction", 10_001)
    assert approval.payload["legs"] == [
        {"account": "gateway_clearing", "owner": GATEWAY, "amount": 10_001, "currency": "EUR"},
        {"account": "suspense", "owner": "", "amount": -10_001, "currency": "EUR"},
    ]

    on_correction_approved(approval, origin=Origin(actor="staff:eva@example.com"), now=NOON)
    on_correction_approved(approval, origin=Origin(actor="staff:eva@example.com"), now=NOON)

    exception.refresh_from_db()
    assert (exception.status, exception.resolved_by) == ("resolved", "staff:eva@example.com")
    assert clearing() == 10_001
    assert balance_of(scope=SCOPE, code="suspense", currency="EUR").posted == 10_001


def test_ac_069_what_moves_in_two_currencies_is_as_large_as_what_moves(
    gateway: FakeGateway,
) -> None:
    exception = one_exception(currency="chf", gross="110.00", fee="3.20", net="106.80")
    assert exception.kind == "currency_mismatch"

    waiting = resolve(exception, "correct")

    assert waiting.status == "open"
    assert Approval.objects.get().amount == 10_680


def test_a_resolved_exception_is_not_resolved_again(gateway: FakeGateway) -> None:
    exception = one_exception(fee="3.00", net="97.00")
    resolve(exception, "ignore")

    with pytest.raises(AlreadyResolved):
        resolve(exception, "correct")

    assert clearing() == 9_680


def test_another_merchants_exception_does_not_exist(gateway: FakeGateway) -> None:
    exception = one_exception(fee="3.00", net="97.00")

    with pytest.raises(ResourceMissing):
        resolve(exception, "ignore", scope=Scope("mer_other", livemode=False))


def test_no_journal_follows_from_a_duplicate_line(gateway: FakeGateway) -> None:
    row = charge_row(paid())
    upload(row, row)
    run()

    with pytest.raises(CannotCorrect):
        resolve(Discrepancy.objects.get(), "correct")


def test_an_exception_is_the_fold_of_its_events(gateway: FakeGateway) -> None:
    exception = resolve(one_exception(fee="3.00", net="97.00"), "correct", now=timezone.now())

    folded = Discrepancy(id=exception.id)
    for event in Event.objects.filter(object_id=exception.id).order_by("sequence"):
        folded.apply(event.type, event.data)

    names = {
        field.attname
        for field in Discrepancy._meta.concrete_fields
        if field.attname
        not in {"id", "merchant_id", "livemode", "gateway", "kind", "subject", "created_at"}
    }
    assert {name: getattr(folded, name) for name in names} == {
        name: getattr(exception, name) for name in names
    }
