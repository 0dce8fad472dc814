"""What reconciliation does when a person decides; wired in config/approvals.py."""

from datetime import datetime

from apps.backoffice.models import Approval
from apps.common.origin import Origin
from apps.reconciliation.services.exceptions import resolve_as_approved


def on_correction_approved(approval: Approval, *, origin: Origin, now: datetime) -> None:
    """Book the correction and close its exception."""
    resolve_as_approved(
        scope=approval.scope,
        exception_id=approval.subject_id,
        action=approval.payload["action"],
        reason=approval.payload["reason"],
        origin=origin,
        now=now,
    )
