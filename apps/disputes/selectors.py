"""Reads of disputes, and what they hold of a payment."""

from apps.common.errors import ResourceMissing
from apps.common.origin import Scope
from apps.disputes.models import Dispute, DisputeCase
from apps.disputes.states import GIVEN_UP, OPEN_CHARGEBACKS
from apps.payments.holds import Held


def get_dispute(scope: Scope, dispute_id: str) -> Dispute:
    """
    Return the dispute.

    :raises ResourceMissing: not of this account and mode
    """
    dispute = Dispute.objects.filter(
        pk=dispute_id, merchant_id=scope.merchant_id, livemode=scope.livemode
    ).first()
    if dispute is None:
        raise ResourceMissing(resource="dispute", id=dispute_id, param="dispute")
    return dispute


def find_case(dispute: Dispute) -> DisputeCase | None:
    """Return what people do about the dispute, None when nobody has begun."""
    return DisputeCase.objects.filter(dispute=dispute).select_related("assignee").first()


def find_held(attempt_id: str) -> Held:
    """
    Return what disputes hold, or took, of a charge: the answer of PAYMENT_HOLDS in settings.

    What a refund of ours settled (`refund_id`) counts there already, not here.
    """
    disputes = Dispute.objects.filter(
        attempt_id=attempt_id, status__in=[*OPEN_CHARGEBACKS, *GIVEN_UP]
    )
    held = [each for each in disputes if not each.refund_id]
    return Held(
        amount=sum(each.amount for each in held),
        blocks_refunds=any(
            each.status in OPEN_CHARGEBACKS and not each.is_charge_refundable for each in held
        ),
    )
