"""What recovery could not find out, the report tells; the gateway is asked again then."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.gateways.errors import GatewayUnknown
from apps.ledger import chart
from apps.ledger.selectors import balance_of
from apps.payments.models import PaymentAttempt
from apps.reconciliation.models import Discrepancy
from apps.reconciliation.services import ask_gateway_again
from apps.reconciliation.states import StatementFormat
from apps.reconciliation.tasks import reconcile_yesterday
from tests.factories.payments import SCOPE, confirmed_intent
from tests.fake_gateway import FakeGateway, use_gateways
from tests.reconciliation.statements import (
    FINANCE,
    GATEWAY,
    NOON,
    csv_of,
    exceptions,
    intent_of,
    run,
    stripe_row,
    upload,
)
from tests.reconciliation.test_tasks import TOMORROW

pytestmark = pytest.mark.django_db


def lost_payment(gateway: FakeGateway) -> PaymentAttempt:
    """Return an attempt that nobody asks about any more, though the gateway took the money."""
    gateway.after = [GatewayUnknown("read timeout")] * 2
    intent = confirmed_intent(amount=10_000, now=NOON)
    attempt = PaymentAttempt.objects.get(intent_id=intent.id)
    assert attempt.status == "unknown"
    gateway.after = []
    PaymentAttempt.objects.filter(pk=attempt.pk).update(due_at=None)
    return attempt


def report(gateway: FakeGateway, attempt: PaymentAttempt) -> None:
    """Take in the gateway's line about the payment."""
    (reference,) = gateway.payments
    upload(
        stripe_row(
            reference="txn_lost",
            category="charge",
            source="ch_lost",
            gross=10_000,
            fee=320,
            changes={
                "payment_metadata[attempt]": attempt.id,
                "payment_intent_id": gateway.payments[reference].reference,
            },
        )
    )


def test_a_payment_that_recovery_gave_up_is_settled_by_the_report(gateway: FakeGateway) -> None:
    attempt = lost_payment(gateway)
    report(gateway, attempt)

    reconcile_yesterday(now=TOMORROW)

    assert intent_of(attempt).status == "succeeded"
    assert exceptions() == []
    closed = Discrepancy.objects.get()
    assert (closed.kind, closed.resolved_by) == ("status_mismatch", "clock")
    books = balance_of(
        scope=SCOPE, code=chart.GATEWAY_CLEARING, currency="EUR", owner=GATEWAY
    ).posted
    assert books == 9_680


def test_what_the_gateway_does_not_tell_stays_open(gateway: FakeGateway) -> None:
    attempt = lost_payment(gateway)
    report(gateway, attempt)
    run()
    gateway.before = [GatewayUnknown("out of order")]

    told = ask_gateway_again(scope=SCOPE, gateway=GATEWAY, origin=FINANCE, now=TOMORROW)

    assert told == 0
    assert exceptions() == [("status_mismatch", None, 9_680)]
    assert intent_of(attempt).status == "processing"


def test_a_capture_at_the_gateway_that_no_intent_knows_is_an_exception(
    gateway: FakeGateway,
) -> None:
    upload(stripe_row(reference="txn_x", category="charge", source="ch_x", gross=700, fee=50))

    reconcile_yesterday(now=TOMORROW)

    assert exceptions() == [("missing_in_ledger", None, 650)]


ADYEN_COLUMNS = (
    "Psp Reference", "Merchant Reference", "Creation Date", "TimeZone", "Type",
    "Modification Reference", "Gross Currency", "Gross Debit (GC)", "Gross Credit (GC)",
    "Net Currency", "Net Debit (NC)", "Net Credit (NC)", "Batch Number",
)  # fmt: skip


def report_of_adyen(payment: str, ours: str, *, gross: str, net: str) -> None:
    """Take in Adyen's line about a payment."""
    row = dict.fromkeys(ADYEN_COLUMNS, "") | {
        "Psp Reference": payment,
        "Merchant Reference": ours,
        "Creation Date": "2026-11-18 12:00:01",
        "TimeZone": "UTC",
        "Type": "Settled",
        "Modification Reference": "MOD1",
        "Gross Currency": "EUR",
        "Gross Credit (GC)": gross,
        "Net Currency": "EUR",
        "Net Credit (NC)": net,
        "Batch Number": "1",
    }
    content = csv_of([row], ADYEN_COLUMNS)
    upload(content=content, format=StatementFormat.ADYEN, source="adyen_main")


@pytest.fixture
def adyen(settings: Any) -> Iterator[FakeGateway]:
    fake = FakeGateway(name="adyen_main", kind="adyen", fee=320)
    settings.RECONCILIATION_DUE_DAYS = 0
    with use_gateways(settings, fake):
        yield fake


def test_what_recovery_gave_up_at_adyen_is_settled_by_its_report(adyen: FakeGateway) -> None:
    attempt = lost_payment(adyen)
    (key,) = adyen.payments
    report_of_adyen(adyen.payments[key].reference, attempt.id, gross="100.00", net="96.80")

    reconcile_yesterday(now=TOMORROW)

    assert intent_of(attempt).status == "succeeded"
    assert exceptions() == []
    closed = Discrepancy.objects.get()
    assert (closed.gateway, closed.kind, closed.resolved_by) == (
        "adyen_main", "status_mismatch", "clock",
    )  # fmt: skip


def test_a_capture_at_adyen_that_no_intent_knows_is_an_exception(adyen: FakeGateway) -> None:
    report_of_adyen("PSP_STRANGE", "att_of_nobody", gross="7.00", net="6.50")

    reconcile_yesterday(now=TOMORROW)

    assert exceptions(gateway="adyen_main") == [("missing_in_ledger", None, 650)]
