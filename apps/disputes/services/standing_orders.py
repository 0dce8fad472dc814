"""A merchant's standing orders: kept with every version, carried out when a dispute comes in."""

import logging
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from apps.common.errors import DomainError
from apps.common.origin import Origin, Scope
from apps.disputes.models import Dispute, DisputePolicy, FraudReport
from apps.disputes.policies import is_below
from apps.disputes.selectors import find_case, find_policy
from apps.disputes.services.endings import accept_dispute
from apps.disputes.states import DisputeStatus
from apps.payments.models import Refund
from apps.payments.services.refunds import request_refund, run_refund
from apps.payments.states import RefundStatus

logger = logging.getLogger(__name__)

# Who acts when nobody does.
POLICY = Origin(actor="policy:disputes")


def change_policy(
    *,
    scope: Scope,
    accept_below: Mapping[str, int] | None = None,
    refund_inquiries_below: Mapping[str, int] | None = None,
    refund_warnings_below: Mapping[str, int] | None = None,
    buffer_hours: int | None = None,
    cancellation_terms: str | None = None,
    refund_terms: str | None = None,
    origin: Origin,
) -> DisputePolicy:
    """
    Change what is given; the rest stays. Amounts are minor units by currency.

    Open disputes that nobody works on follow it from their next look on; fraud warnings that came
    before it stay as they are.
    """
    given = {
        "accept_below": accept_below,
        "refund_inquiries_below": refund_inquiries_below,
        "refund_warnings_below": refund_warnings_below,
        "buffer_hours": buffer_hours,
        "cancellation_terms": cancellation_terms,
        "refund_terms": refund_terms,
    }
    with transaction.atomic():
        policy, _ = DisputePolicy.objects.select_for_update().get_or_create(
            merchant_id=scope.merchant_id, livemode=scope.livemode
        )
        for name, value in given.items():
            if value is not None:
                setattr(policy, name, value)
        policy.changed_by = origin.actor
        policy.save()
    return policy


def carry_out_policy(*, dispute_id: str, now: datetime) -> bool:
    """
    Give up a small chargeback, or refund a small inquiry, when the merchant wants that.

    A dispute that somebody works on is theirs. Return whether something was done.
    """
    dispute = Dispute.objects.get(pk=dispute_id)
    policy = find_policy(dispute.scope)
    if policy is None or dispute.round > 1 or find_case(dispute) is not None:
        return False
    try:
        if dispute.status == DisputeStatus.NEEDS_RESPONSE:
            return _accept(dispute, policy, now=now)
        if dispute.status == DisputeStatus.WARNING_NEEDS_RESPONSE:
            return _refund(dispute, policy, now=now)
    except DomainError as refusal:
        logger.warning("standing orders for %s: %s", dispute_id, refusal.message)
    return False


def _accept(dispute: Dispute, policy: DisputePolicy, *, now: datetime) -> bool:
    if not is_below(policy.accept_below, amount=dispute.amount, currency=dispute.currency):
        return False
    accept_dispute(scope=dispute.scope, dispute_id=dispute.id, origin=POLICY, now=now)
    return True


def answer_warning(*, report_id: str, now: datetime) -> bool:
    """
    Refund a small payment that its bank calls a fraud, when the merchant wants that.

    So the payer has no reason left to dispute it. Return whether it was refunded.
    """
    report = FraudReport.objects.select_related("attempt").get(pk=report_id)
    policy, attempt = find_policy(report.scope), report.attempt
    is_disputed = Dispute.objects.filter(attempt=attempt).exists()
    if policy is None or is_disputed or not report.is_actionable:
        return False
    limits, amount = policy.refund_warnings_below, attempt.amount_captured
    if not is_below(limits, amount=amount, currency=attempt.currency):
        return False
    try:
        return _give_back(report, reason="fraudulent", now=now)
    except DomainError as refusal:
        logger.warning("standing orders for %s: %s", report_id, refusal.message)
        return False


def _refund(dispute: Dispute, policy: DisputePolicy, *, now: datetime) -> bool:
    limits = policy.refund_inquiries_below
    if not is_below(limits, amount=dispute.amount, currency=dispute.currency):
        return False
    return _give_back(dispute, reason="requested_by_customer", now=now)


def _give_back(about: Dispute | FraudReport, *, reason: str, now: datetime) -> bool:
    """Refund what is left of the payment, unless a refund of it is under way or done."""
    live = Refund.objects.filter(attempt_id=about.attempt_id).exclude(
        status__in=[RefundStatus.FAILED, RefundStatus.CANCELED]
    )
    if live.exists():
        return False
    refund = request_refund(
        scope=about.scope,
        intent_id=about.intent_id,
        amount=None,
        reason=reason,
        origin=POLICY,
        now=now,
    )
    run_refund(refund_id=refund.id, now=now)
    return True
