"""Kinds of approvals whose executors leave a mark that tests can see."""

from datetime import datetime

from apps.api.models import Merchant
from apps.backoffice.models import Approval
from apps.backoffice.policies import ApprovalKind
from apps.common.errors import InvalidParameter
from apps.common.origin import Origin

KINDS = {
    "opening": ApprovalKind(
        label="Opening of a merchant",
        permission="backoffice.change_user",
        approve="tests.backoffice.kinds.open_merchant",
        reject="tests.backoffice.kinds.note_rejection",
    ),
    "impossible": ApprovalKind(
        label="What the platform refuses",
        permission="backoffice.change_user",
        approve="tests.backoffice.kinds.refuse",
    ),
}


def open_merchant(approval: Approval, *, origin: Origin, now: datetime) -> None:
    Merchant.objects.create(
        id=approval.subject_id, name=f"{approval.payload['name']} by {origin.actor}", created_at=now
    )


def note_rejection(approval: Approval, *, origin: Origin, now: datetime) -> None:
    Merchant.objects.create(
        id=approval.subject_id, name=f"{approval.status} by {origin.actor}", created_at=now
    )


def refuse(approval: Approval, *, origin: Origin, now: datetime) -> None:
    Merchant.objects.create(id=approval.subject_id, name=origin.actor, created_at=now)
    raise InvalidParameter("Not today.")
