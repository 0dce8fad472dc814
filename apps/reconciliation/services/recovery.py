"""Ask a gateway again about money that its report has and for us has not moved."""

import logging
from datetime import datetime
from typing import Final

from apps.common.errors import DomainError
from apps.common.origin import Origin, Scope
from apps.common.transactions import assert_no_transaction
from apps.gateways.errors import GatewayError
from apps.gateways.registry import UnknownGateway
from apps.payments.services.attempts import sync_attempt
from apps.payments.services.refunds import run_refund
from apps.reconciliation.models import Discrepancy, StatementLine
from apps.reconciliation.services.exchanges import book_late_exchange
from apps.reconciliation.states import DiscrepancyKind, DiscrepancyStatus

logger = logging.getLogger(__name__)

# How many are asked about after one run; the next run asks about the others.
MAX_ASKED: Final = 100
# What the gateway may know more about.
ASKED_KINDS: Final = (DiscrepancyKind.STATUS_MISMATCH, DiscrepancyKind.CURRENCY_MISMATCH)


def ask_gateway_again(*, scope: Scope, gateway: str, origin: Origin, now: datetime) -> int:
    """
    Ask about payments and refunds of which a report says more than we know; return how many told.

    What recovery has given up, or took for failed, is settled here through the same door as any
    other answer of the gateway. The next run then closes the exception. Money that was reported in
    another currency is booked as the gateway exchanged it. What the gateway does not tell stays
    open for a person. No transaction may be open, since this calls the gateway.

    Source: docs/reconciliation.md
    """
    assert_no_transaction()
    waiting = Discrepancy.objects.filter(
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        gateway=gateway,
        status=DiscrepancyStatus.OPEN,
        kind__in=ASKED_KINDS,
    )
    told = 0
    # Captures come before refunds, whose exchange follows from theirs.
    for row in waiting.order_by("subject_id", "pk")[:MAX_ASKED]:
        try:
            told += _ask(row, origin=origin, now=now)
        except (GatewayError, DomainError, UnknownGateway) as trouble:
            logger.warning("%s of %s stays open: %s", row.id, row.subject_id, trouble)
    return told


def _ask(row: Discrepancy, *, origin: Origin, now: datetime) -> bool:
    """Return whether the gateway was asked and answered."""
    if row.kind == DiscrepancyKind.CURRENCY_MISMATCH:
        return book_late_exchange(row, now=now)
    if row.subject_id.startswith("re_"):
        run_refund(refund_id=row.subject_id, origin=origin, now=now)
        return True
    reference = _payment_reference(row)
    if not row.subject_id.startswith("att_") or not reference:
        return False
    sync_attempt(attempt_id=row.subject_id, reference=reference, origin=origin, now=now)
    return True


def _payment_reference(row: Discrepancy) -> str:
    """Return the gateway's id of the payment, as the line behind the exception has it."""
    line = StatementLine.objects.filter(pk=int(row.subject.removeprefix("line:"))).first()
    return line.payment_reference if line else ""
