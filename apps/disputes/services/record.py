"""Everything a gateway tells about a dispute ends here; hearing it twice changes nothing."""

from datetime import datetime
from typing import Any

from django.db import transaction

from apps.common.ids import new_id
from apps.common.origin import Origin
from apps.customers.models import Customer
from apps.disputes.models import Dispute
from apps.disputes.policies import (
    Standing,
    is_stale,
    next_check,
    next_look_at_won,
    stage_after,
    status_after,
)
from apps.disputes.selectors import now_for, time_on
from apps.disputes.services.events import Moment
from apps.disputes.services.funds import book_funds, settle_loss
from apps.disputes.states import OPEN, DisputeStage, DisputeStatus
from apps.gateways.base import DisputeResult
from apps.ledger.services import post_entries
from apps.payments.models import PaymentAttempt, PaymentIntent, Refund
from apps.payments.selectors import find_attempt_at_gateway
from apps.payments.states import RefundStatus
from apps.webhooks.errors import UnknownObject

S = DisputeStatus

_CREATED = "charge.dispute.created"
_UPDATED = "charge.dispute.updated"
_CLOSED = "charge.dispute.closed"


def record_dispute(
    *, gateway: str, result: DisputeResult, origin: Origin, now: datetime, accepted: bool = False
) -> Dispute:
    """
    Record what a gateway says about a dispute: status, deadline and money, in one transaction.

    With `accepted` a loss counts as given up by us. An answer that is older than what we know
    changes nothing (AC-73).

    :raises UnknownObject: no attempt of ours has this payment
    """
    found = find_attempt_at_gateway(gateway, result.payment_reference)
    if found is None:
        raise UnknownObject(f"no attempt for the payment of dispute {result.reference}")
    moment = Moment(origin=origin, now=now)
    with transaction.atomic():
        # The intent's lock comes first: it makes disputes and refunds of a payment take turns.
        intent = PaymentIntent.objects.lock(found.intent_id)
        attempt = PaymentAttempt.objects.get(pk=found.pk)
        dispute = (
            Dispute.objects.select_for_update()
            .filter(gateway=gateway, gateway_reference=result.reference)
            .first()
        )
        is_new = dispute is None
        if dispute is None:
            dispute = _open(attempt, intent, result, gateway=gateway, moment=moment)
        elif is_stale(_standing(dispute), result):
            return dispute
        entries = book_funds(dispute, result, moment)
        _follow(dispute, result, moment, accepted=accepted)
        entries += settle_loss(dispute, attempt, intent, moment)
        dispute.next_check_at = _next_check(dispute, is_new=is_new, now=now)
        dispute.save()
        post_entries(entries)
    return dispute


def _next_check(dispute: Dispute, *, is_new: bool, now: datetime) -> datetime | None:
    """Return when the clock looks at it: a new one at once, for the merchant's standing orders."""
    if dispute.status == S.WON:
        return next_look_at_won(now, opened_at=dispute.opened_at)
    if not dispute.is_open:
        return None
    return now if is_new else next_check(now, due_at=dispute.due_at)


def _open(
    attempt: PaymentAttempt,
    intent: PaymentIntent,
    result: DisputeResult,
    *,
    gateway: str,
    moment: Moment,
) -> Dispute:
    dispute = Dispute(
        id=new_id("dp"),
        merchant_id=attempt.merchant_id,
        livemode=attempt.livemode,
        created_at=moment.now,
    )
    facts = _facts(result, DisputeStage(result.stage.value))
    born = {
        **facts,
        "attempt_id": attempt.id,
        "intent_id": intent.id,
        "customer_id": intent.customer_id,
        "gateway": gateway,
        "gateway_reference": result.reference,
        "currency": result.currency,
        "opened_at": result.opened_at.isoformat(),
        "status": _first_status(result, now=moment.now),
    }
    _hang_on_clock(dispute, intent.customer_id, now=moment.now)
    moment.happen(dispute, _CREATED, **born)
    dispute.save(force_insert=True)
    return dispute


def _first_status(result: DisputeResult, *, now: datetime) -> str:
    stage = DisputeStage(result.stage.value)
    unknown = Standing(status=S.OPENED, stage=stage, submissions=0, due_at=result.due_at)
    return str(status_after(unknown, result, now=now))


def _follow(dispute: Dispute, result: DisputeResult, moment: Moment, *, accepted: bool) -> None:
    """Take over what changed, as one event; nothing when nothing did."""
    known = _standing(dispute)
    status = status_after(known, result, now=now_for(dispute, moment.now))
    if accepted and status in {S.LOST, S.EXPIRED}:
        status = S.ACCEPTED
    stage = stage_after(known.stage, result)
    told = _facts(result, stage)
    is_over = status not in OPEN
    if stage != known.stage or (known.status not in OPEN and not is_over):
        # The bank asks anew: after an inquiry, or after it had decided (AC-92).
        told |= _next_round(dispute)
        _hang_on_clock(dispute, dispute.customer_id, now=moment.now)
    facts = {name: value for name, value in told.items() if _plain(dispute, name) != value}
    if status != dispute.status:
        facts["status"] = str(status)
    if status == S.PREVENTED and not dispute.refund_id:
        facts |= _settling_refund(dispute)
    if is_over and dispute.closed_at is None:
        facts["closed_at"] = moment.now.isoformat()
    elif not is_over and dispute.closed_at is not None:
        facts["closed_at"] = None
    if not facts:
        return
    moment.happen(dispute, _CLOSED if is_over and "status" in facts else _UPDATED, **facts)


def _next_round(dispute: Dispute) -> dict[str, Any]:
    """Return what a new round begins with: evidence may be submitted once more."""
    return {
        "round": dispute.round + 1,
        "submitted_at": None,
        "submitted_by": "",
        "last_reminder": None,
    }


def _hang_on_clock(dispute: Dispute, customer_id: str, *, now: datetime) -> None:
    """Let the deadline of a new round follow its customer's test clock, if there is one."""
    clock_ids = Customer.objects.filter(pk=customer_id).values_list("test_clock_id", flat=True)
    dispute.test_clock_id = clock_ids.first() or ""
    if dispute.test_clock_id:
        dispute.clock_lead = time_on(dispute.test_clock_id, now) - now


def _settling_refund(dispute: Dispute) -> dict[str, str]:
    """Return the refund of ours that settled the dispute, if one did (AC-88)."""
    if dispute.amount_withdrawn:
        return {}
    refund = (
        Refund.objects.filter(attempt_id=dispute.attempt_id, compensates=False)
        .filter(status__in=[RefundStatus.SUCCEEDED, RefundStatus.PENDING])
        .order_by("-id")
        .first()
    )
    return {"refund_id": refund.id} if refund else {}


def _facts(result: DisputeResult, stage: DisputeStage) -> dict[str, Any]:
    return {
        "stage": str(stage),
        "reason": result.reason[:60],
        "network": result.network[:20],
        "network_reason_code": result.network_reason_code[:20],
        "amount": result.amount,
        "is_charge_refundable": result.is_charge_refundable,
        "submissions": result.submissions,
        "due_at": result.due_at.isoformat() if result.due_at else None,
    }


def _plain(dispute: Dispute, name: str) -> Any:
    value = getattr(dispute, name)
    return value.isoformat() if isinstance(value, datetime) else value


def _standing(dispute: Dispute) -> Standing:
    references = dispute.funds.exclude(gateway_reference="")
    return Standing(
        status=DisputeStatus(dispute.status),
        stage=DisputeStage(dispute.stage),
        submissions=dispute.submissions,
        due_at=dispute.due_at,
        movements=list(references.values_list("gateway_reference", flat=True)),
    )
