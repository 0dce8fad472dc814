"""Open exceptions, close those that have settled themselves, and let people resolve the rest."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from apps.backoffice.models import User
from apps.backoffice.services import request_approval
from apps.common.origin import CLOCK, Origin, Scope
from apps.common.rows import get_row
from apps.ledger.drafts import EntryDraft
from apps.ledger.services import post_entry
from apps.ledger.services.manual import show_leg
from apps.outbox.services import EventDraft, publish
from apps.reconciliation.errors import AlreadyResolved
from apps.reconciliation.models import Discrepancy
from apps.reconciliation.objects import render_exception
from apps.reconciliation.policies import explain, needs_second_person
from apps.reconciliation.services.corrections import book_correction, draft_correction
from apps.reconciliation.services.findings import Finding
from apps.reconciliation.states import DiscrepancyStatus

OPENED: Final = "reconciliation.exception_opened"
RESOLVED: Final = "reconciliation.exception_resolved"

# The kind under which a correction waits for a second person, in config/approvals.py.
APPROVAL_KIND: Final = "reconciliation_correction"
# What people may do; the second two book.
ACTIONS: Final = ("match", "ignore", "correct", "write_off")
BOOKING_ACTIONS: Final = frozenset({"correct", "write_off"})
SETTLED_ITSELF: Final = "The sides agree now."


def open_findings(
    *, scope: Scope, gateway: str, findings: Sequence[Finding], origin: Origin, now: datetime
) -> None:
    """Open an exception for each finding, again where it had closed by itself."""
    standing_ids = [finding.standing_id for finding in findings if finding.standing_id]
    standing = Discrepancy.objects.select_for_update().in_bulk(standing_ids)
    fresh: list[Discrepancy] = []
    again: list[Discrepancy] = []
    drafts: list[EventDraft] = []
    for finding in findings:
        old = standing.get(finding.standing_id or "")
        row = old or Discrepancy(
            merchant_id=scope.merchant_id,
            livemode=scope.livemode,
            gateway=gateway,
            kind=finding.kind,
            subject=finding.subject,
            created_at=now,
        )
        facts = _facts_of(finding)
        row.apply(OPENED, facts)
        (again if old else fresh).append(row)
        drafts.append(_draft(row, OPENED, facts, origin=origin, now=now))
    Discrepancy.objects.bulk_create(fresh)
    for row in again:
        row.save()
    publish(*drafts)


def close_settled(ids: Sequence[str], *, now: datetime) -> None:
    """Close exceptions whose sides agree by now, say because a line came late (AC-65)."""
    rows = Discrepancy.objects.select_for_update().filter(pk__in=ids, status=DiscrepancyStatus.OPEN)
    drafts = [
        _resolve(row, "match", reason=SETTLED_ITSELF, entry_id="", origin=CLOCK, now=now)
        for row in rows.order_by("pk")
    ]
    if drafts:
        publish(*drafts)


def resolve_exception(
    *, scope: Scope, exception_id: str, action: str, reason: str, origin: Origin, now: datetime
) -> Discrepancy:
    """
    Resolve an exception as a person decided; above the limit a second person has to agree first.

    `ignore` and `match` change no books; `correct` books the difference against the account that
    explains it, and `write_off` against write-offs, so that the gateway's account agrees. Above
    RECONCILIATION_APPROVAL_LIMIT these two wait as an approval, and the exception stays open.

    :raises ResourceMissing: no such exception in this account and mode
    :raises AlreadyResolved: it is not open
    :raises CannotCorrect: no journal follows from its kind
    :raises ApprovalWaiting: a correction of it waits for a second person already
    Source: AC-69
    """
    with transaction.atomic():
        row = _lock(scope, exception_id)
        if action in BOOKING_ACTIONS:
            # Refused before anybody is asked to agree to it.
            draft = draft_correction(row, action=action, origin=origin, now=now)
            limit = settings.RECONCILIATION_APPROVAL_LIMIT
            if needs_second_person(row.at_stake, row.currency, limit=limit):
                _ask_second_person(row, action, draft, reason=reason, origin=origin, now=now)
                return row
        _carry_out(row, action, reason=reason, origin=origin, now=now)
    return row


def resolve_with_journal(
    *,
    scope: Scope,
    exception_id: str,
    draft: EntryDraft,
    reason: str,
    origin: Origin,
    now: datetime,
) -> bool:
    """
    Book what explains an exception without a person, and close it; False when it has ended.

    :raises ResourceMissing: no such exception in this account and mode
    """
    with transaction.atomic():
        try:
            row = _lock(scope, exception_id)
        except AlreadyResolved:
            return False
        entry_id = post_entry(draft)
        publish(_resolve(row, "correct", reason=reason, entry_id=entry_id, origin=origin, now=now))
    return True


def assign_exceptions(*, exception_ids: Collection[str], assignee: User | None) -> None:
    """
    Say who works on all of these exceptions, or that nobody does.

    :raises AlreadyResolved: one of them is not open; then all stay as they were
    """
    with transaction.atomic():
        # In the order of their ids, as everybody who locks several does.
        rows = Discrepancy.objects.select_for_update().filter(pk__in=exception_ids)
        for row in rows.order_by("pk"):
            _want_open(row)
            row.assignee = assignee
            row.save(update_fields=["assignee"])


def resolve_as_approved(
    *, scope: Scope, exception_id: str, action: str, reason: str, origin: Origin, now: datetime
) -> None:
    """
    Do what two people agreed on; an exception that has ended meanwhile stays as it is.

    :raises ResourceMissing: no such exception in this account and mode
    """
    with transaction.atomic():
        try:
            row = _lock(scope, exception_id)
        except AlreadyResolved:
            return
        _carry_out(row, action, reason=reason, origin=origin, now=now)


def _lock(scope: Scope, exception_id: str) -> Discrepancy:
    rows = Discrepancy.objects.select_for_update()
    row = get_row(rows, scope, exception_id, resource="reconciliation exception", param="id")
    _want_open(row)
    return row


def _want_open(row: Discrepancy) -> None:
    if row.status != DiscrepancyStatus.OPEN:
        raise AlreadyResolved(exception=row.id, status=str(row.status))


def _ask_second_person(
    row: Discrepancy,
    action: str,
    draft: EntryDraft,
    *,
    reason: str,
    origin: Origin,
    now: datetime,
) -> None:
    request_approval(
        scope=row.scope,
        kind=APPROVAL_KIND,
        subject_id=row.id,
        # The other person decides about a journal, so it stands in the request.
        payload={"action": action, "reason": reason, "legs": [show_leg(leg) for leg in draft.legs]},
        amount=row.at_stake,
        currency=row.currency,
        reason=reason,
        origin=origin,
        now=now,
    )


def _carry_out(
    row: Discrepancy, action: str, *, reason: str, origin: Origin, now: datetime
) -> None:
    entry_id = ""
    if action in BOOKING_ACTIONS:
        entry_id = book_correction(row, action=action, origin=origin, now=now)
    publish(_resolve(row, action, reason=reason, entry_id=entry_id, origin=origin, now=now))


def _resolve(
    row: Discrepancy, action: str, *, reason: str, entry_id: str, origin: Origin, now: datetime
) -> EventDraft:
    data = {
        "action": action,
        "by": origin.actor,
        "reason": reason[:500],
        "entry": entry_id,
        "at": now.isoformat(),
    }
    row.apply(RESOLVED, data)
    row.save()
    return _draft(row, RESOLVED, data, origin=origin, now=now)


def _facts_of(finding: Finding) -> dict[str, Any]:
    return {
        "subject_id": finding.subject_id,
        "entry_id": finding.entry_id,
        "reference": finding.reference,
        "day": finding.day.isoformat(),
        "currency": finding.currency,
        "ledger_amount": finding.ledger_amount,
        "statement_amount": finding.statement_amount,
        "explanation": explain(
            finding.kind,
            ledger=finding.ledger_amount,
            statement=finding.statement_amount,
            currency=finding.currency,
            reference=finding.reference or finding.subject_id,
        ),
    }


def _draft(
    row: Discrepancy, type_: str, data: dict[str, Any], *, origin: Origin, now: datetime
) -> EventDraft:
    return EventDraft.about(
        row, type_, render_exception(row), sequence=row.version, origin=origin, now=now, data=data
    )
