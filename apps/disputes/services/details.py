"""What else changes on a dispute: its metadata, and who works on it."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction

from apps.backoffice.models import User
from apps.common.metadata import merge_metadata
from apps.common.origin import Origin, Scope
from apps.disputes.models import Dispute, DisputeCase
from apps.disputes.selectors import find_case, get_dispute
from apps.disputes.services.events import Moment


def update_metadata(
    *,
    scope: Scope,
    dispute_id: str,
    metadata: Mapping[str, str] | None,
    origin: Origin,
    now: datetime,
) -> Dispute:
    """
    Change a dispute's metadata, key by key; None unsets all.

    :raises ResourceMissing: no such dispute
    """
    get_dispute(scope, dispute_id)
    with transaction.atomic():
        dispute = Dispute.objects.lock(dispute_id)
        noted = merge_metadata(dispute.metadata, metadata)
        moment = Moment(origin=origin, now=now)
        moment.happen(dispute, "charge.dispute.updated", metadata=noted)
        dispute.save()
    return dispute


def assign_dispute(*, scope: Scope, dispute_id: str, assignee: User | None) -> DisputeCase:
    """
    Say who works on a dispute; None: nobody. The history keeps each change.

    :raises ResourceMissing: no such dispute
    """
    get_dispute(scope, dispute_id)
    with transaction.atomic():
        return _assign(Dispute.objects.lock(dispute_id), assignee)


def assign_disputes(*, dispute_ids: Collection[str], assignee: User | None) -> None:
    """Say who works on all of these, or on none of them; the history keeps each change."""
    with transaction.atomic():
        # In the order of their ids, as everybody who locks several does.
        for dispute in (
            Dispute.objects.select_for_update().filter(pk__in=dispute_ids).order_by("pk")
        ):
            _assign(dispute, assignee)


def _assign(dispute: Dispute, assignee: User | None) -> DisputeCase:
    case = find_case(dispute) or DisputeCase(dispute=dispute)
    case.assignee = assignee
    case.save()
    return case
