"""Many refunds asked for at once: always with a second person, each reported on its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from apps.backoffice.models import Approval
from apps.backoffice.services import request_approval
from apps.common.errors import DomainError
from apps.common.ids import new_id
from apps.common.origin import Origin, Scope
from apps.payments.errors import NothingToRefund
from apps.payments.models import Refund
from apps.payments.services.refunds import cancel_refund, release_refund, request_refund
from apps.payments.states import RefundStatus

# The kind in config/approvals.py.
BULK_REFUND: Final = "bulk_refund"
# What one person can look through before saying yes.
BULK_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class BulkRefund:
    """What was asked for: the refunds that wait, and why others were refused, by payment."""

    approval: Approval
    refunds: Sequence[Refund]
    refused: dict[str, str]


def request_bulk_refund(
    *,
    scope: Scope,
    intent_ids: Sequence[str],
    reason: str,
    note: str,
    origin: Origin,
    now: datetime,
) -> BulkRefund:
    """
    Reserve what is left of each payment for a refund, and ask a second person once for all.

    A payment that cannot be refunded stands beside the others with its refusal.

    :raises NothingToRefund: none of them can be refunded
    """
    refunds: list[Refund] = []
    refused: dict[str, str] = {}
    with transaction.atomic():
        # In one order, always: two that ask for the same payments would wait for each other.
        for intent_id in sorted(set(intent_ids))[:BULK_MAX]:
            try:
                refunds.append(_reserve(scope, intent_id, reason, origin=origin, now=now))
            except DomainError as refusal:
                refused[intent_id] = refusal.message
        if not refunds:
            raise NothingToRefund(payments=len(refused), first=next(iter(refused.values()), ""))
        amount, currency = _one_sum(refunds)
        approval = request_approval(
            scope=scope,
            kind=BULK_REFUND,
            subject_id=new_id("blk"),
            payload={"refunds": {row.id: row.intent_id for row in refunds}, "refused": refused},
            amount=amount,
            currency=currency,
            reason=note,
            origin=origin,
            now=now,
        )
    return BulkRefund(approval, refunds, refused)


def _reserve(scope: Scope, intent_id: str, reason: str, *, origin: Origin, now: datetime) -> Refund:
    with transaction.atomic():
        return request_refund(
            scope=scope,
            intent_id=intent_id,
            reason=reason,
            needs_approval=True,
            origin=origin,
            now=now,
        )


def on_bulk_refund_approved(approval: Approval, *, origin: Origin, now: datetime) -> None:
    """Let all that still wait go to their gateways; what was canceled meanwhile stays so."""
    for refund_id in _still_waiting(approval):
        release_refund(refund_id=refund_id, origin=origin, now=now)


def on_bulk_refund_rejected(approval: Approval, *, origin: Origin, now: datetime) -> None:
    """Give the reserved money of all of them free again."""
    for refund_id in _still_waiting(approval):
        cancel_refund(scope=approval.scope, refund_id=refund_id, origin=origin, now=now)


def _still_waiting(approval: Approval) -> list[str]:
    waiting = Refund.objects.filter(
        pk__in=approval.payload["refunds"], status=RefundStatus.REQUIRES_APPROVAL
    )
    return list(waiting.order_by("id").values_list("id", flat=True))


def _one_sum(refunds: Sequence[Refund]) -> tuple[int | None, str]:
    """Return the sum for the inbox, if all are of one currency; else the payload has the parts."""
    currencies = {row.currency for row in refunds}
    if len(currencies) > 1:
        return None, ""
    return sum(row.amount for row in refunds), currencies.pop()
