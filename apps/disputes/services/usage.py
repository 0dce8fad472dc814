"""What customers did, as the merchant's service tells it."""

from datetime import datetime

from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.customers.selectors import get_customer
from apps.disputes.models import UsageEvidence


def record_usage(
    *,
    scope: Scope,
    customer_id: str,
    action: str,
    occurred_at: datetime,
    ip_address: str,
    device: str,
    now: datetime,
) -> UsageEvidence:
    """
    Keep one thing that a customer did.

    :raises ResourceMissing: no such customer
    """
    get_customer(scope, customer_id)
    return UsageEvidence.objects.create(
        id=new_id("use"),
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        customer_id=customer_id,
        action=action,
        ip_address=ip_address,
        device=device,
        # What is written down later than it happened counts from when it was told, at most.
        occurred_at=min(occurred_at, now),
        created_at=now,
    )
