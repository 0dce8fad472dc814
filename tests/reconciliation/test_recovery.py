"""What recovery could not find out, the report tells; the gateway is asked again then."""

import pytest

from apps.gateways.errors import GatewayUnknown
from apps.ledger import chart
from apps.ledger.selectors import balance_of
from apps.payments.models import PaymentAttempt
from apps.reconciliation.models import Discrepancy
from apps.reconciliation.services import ask_gateway_again
from apps.reconciliation.tasks import reconcile_yesterday
from tests.factories.payments import SCOPE, confirmed_intent
from tests.fake_gateway import FakeGateway
from tests.reconciliation.statements import (
    FINANCE,
    GATEWAY,
    NOON,
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
