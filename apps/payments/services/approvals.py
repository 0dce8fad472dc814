"""Refunds by staff: alone up to their limits, with a second person above them (AC-49f)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django.db import transaction

from apps.backoffice.models import Approval
from apps.backoffice.policies import RefundLimits
from apps.backoffice.services import request_approval
from apps.backoffice.services.allowances import spend_refund_allowance
from apps.common.origin import Origin, Scope
from apps.payments.models import Refund
from apps.payments.selectors import get_intent, get_refund
from apps.payments.services.refunds import (
    cancel_refund,
    release_refund,
    request_refund,
    run_refund,
)
from apps.payments.states import RefundStatus

# The kind in config/approvals.py.
REFUND_ABOVE_LIMIT: Final = "refund"


def refund_by_staff(
    *,
    scope: Scope,
    intent_id: str,
    amount: int,
    reason: str,
    note: str,
    limits: RefundLimits,
    retry_of: str = "",
    metadata: Mapping[str, str] | None = None,
    origin: Origin,
    now: datetime,
) -> Refund:
    """
    Refund `amount` minor units for a member of staff who may do up to `limits` alone.

    Above a limit, that of the payment or that of the day, the money is reserved and a second person
    is asked; nothing leaves before their yes, and their no, or 72 hours of silence, releases it.

    :raises UncapturedNotRefundable: the money is only held
    :raises PaymentNotRefundable: nothing was captured
    :raises RefundExceedsCaptured: more than is left
    :raises RefundNotRetryable: `retry_of` has not failed, or was tried again before
    """
    currency = get_intent(scope, intent_id).currency
    with transaction.atomic():
        may_alone = spend_refund_allowance(
            actor=origin.actor,
            intent_id=intent_id,
            amount=amount,
            currency=currency,
            limits=limits,
            now=now,
        )
        refund = request_refund(
            scope=scope,
            intent_id=intent_id,
            amount=amount,
            reason=reason,
            metadata=metadata,
            needs_approval=not may_alone,
            retry_of=retry_of,
            origin=origin,
            now=now,
        )
        if not may_alone:
            request_approval(
                scope=scope,
                kind=REFUND_ABOVE_LIMIT,
                subject_id=refund.id,
                payload={"payment_intent": intent_id},
                amount=amount,
                currency=refund.currency,
                reason=note,
                origin=origin,
                now=now,
            )
    return run_refund(refund_id=refund.id, origin=origin, now=now) if may_alone else refund


def retry_refund_by_staff(
    *,
    scope: Scope,
    refund_id: str,
    note: str,
    limits: RefundLimits,
    origin: Origin,
    now: datetime,
) -> Refund:
    """
    Refund once more what failed: a new refund of the same amount, reason and metadata.

    A gateway that said a refund failed never does it later, so this pays nothing twice. The limits
    of the person count it like any other refund.

    :raises ResourceMissing: no such refund
    :raises RefundNotRetryable: it has not failed, or was tried again before
    :raises RefundExceedsCaptured: the money went back in another way meanwhile
    """
    failed = get_refund(scope, refund_id)
    return refund_by_staff(
        scope=scope,
        intent_id=failed.intent_id,
        amount=failed.amount,
        reason=failed.reason,
        note=note,
        limits=limits,
        retry_of=failed.pk,
        metadata=failed.metadata,
        origin=origin,
        now=now,
    )


def on_refund_approved(approval: Approval, *, origin: Origin, now: datetime) -> None:
    """
    Let the refund go to its gateway.

    :raises IllegalTransition: it was canceled meanwhile
    """
    release_refund(refund_id=approval.subject_id, origin=origin, now=now)


def on_refund_rejected(approval: Approval, *, origin: Origin, now: datetime) -> None:
    """Give the reserved money free again; a refund that was canceled meanwhile stays so."""
    refund = get_refund(approval.scope, approval.subject_id)
    if refund.status == RefundStatus.REQUIRES_APPROVAL:
        cancel_refund(scope=approval.scope, refund_id=refund.id, origin=origin, now=now)
