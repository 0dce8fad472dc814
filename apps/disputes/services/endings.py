"""How a dispute ends without the bank: we give it up, or nobody answered in time."""

import logging
from datetime import datetime

from django.db import transaction

from apps.common.origin import CLOCK, Origin, Scope
from apps.common.transactions import release_connection
from apps.disputes.errors import DisputeClosed, DisputeGatewayFailed, InquiryNotAcceptable
from apps.disputes.models import Dispute
from apps.disputes.policies import is_expired
from apps.disputes.selectors import get_dispute, now_for
from apps.disputes.services.events import Moment
from apps.disputes.services.funds import settle_loss
from apps.disputes.services.record import record_dispute
from apps.disputes.states import INQUIRIES, OPEN_CHARGEBACKS, DisputeStatus
from apps.gateways.errors import GatewayError
from apps.gateways.registry import get_gateway
from apps.ledger.services import post_entries
from apps.payments.models import PaymentAttempt, PaymentIntent

logger = logging.getLogger(__name__)


def accept_dispute(*, scope: Scope, dispute_id: str, origin: Origin, now: datetime) -> Dispute:
    """
    Give a dispute up: the payer keeps the money.

    :raises ResourceMissing: no such dispute
    :raises InquiryNotAcceptable: an inquiry is given in to by a refund
    :raises DisputeClosed: it is over
    :raises DisputeGatewayFailed: the gateway could not be told; nothing changed here
    """
    dispute = get_dispute(scope, dispute_id)
    if dispute.status in INQUIRIES:
        raise InquiryNotAcceptable(dispute=dispute.id)
    if dispute.status not in OPEN_CHARGEBACKS:
        raise DisputeClosed(dispute=dispute.id, status=dispute.status)
    release_connection()
    try:
        result = get_gateway(dispute.gateway).accept_dispute(
            dispute.gateway_reference, key=f"{dispute.id}:accept:{dispute.round}"
        )
    except GatewayError as error:
        logger.warning("accepting %s: %s: %s", dispute.id, type(error).__name__, error)
        raise DisputeGatewayFailed(dispute=dispute.id) from error
    return record_dispute(
        gateway=dispute.gateway, result=result, origin=origin, now=now, accepted=True
    )


def expire_dispute(*, dispute_id: str, now: datetime) -> Dispute:
    """
    Close a dispute that nobody answered in time; one that somebody did stays as it is (AC-87).

    That holds, too, for an answer which the gateway has not confirmed: it may have it. The gateway
    says "lost" some time later, and brings no news then.
    """
    attempt_id = Dispute.objects.values_list("attempt_id", flat=True).get(pk=dispute_id)
    attempt = PaymentAttempt.objects.get(pk=attempt_id)
    moment = Moment(origin=CLOCK, now=now)
    with transaction.atomic():
        intent = PaymentIntent.objects.lock(attempt.intent_id)
        dispute = Dispute.objects.lock(dispute_id)
        is_unanswered = (
            dispute.status == DisputeStatus.NEEDS_RESPONSE and dispute.submitted_at is None
        )
        if not is_unanswered or not is_expired(dispute.due_at, now=now_for(dispute, now)):
            return dispute
        moment.happen(
            dispute,
            "charge.dispute.closed",
            status=str(DisputeStatus.EXPIRED),
            closed_at=now.isoformat(),
        )
        entries = settle_loss(dispute, attempt, intent, moment)
        dispute.next_check_at = None
        dispute.save()
        post_entries(entries)
    return dispute
