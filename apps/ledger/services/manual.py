"""Manual journals: what no recipe books, asked for by one person and agreed to by another."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from apps.backoffice.models import Approval
from apps.backoffice.services import request_approval
from apps.common.ids import new_id
from apps.common.origin import Origin, Scope
from apps.ledger.chart import CHART
from apps.ledger.drafts import EntryDraft, Leg
from apps.ledger.errors import AccountUnsuitable
from apps.ledger.services.posting import post_entry

# The kind under which a manual journal waits for a second person, in config/approvals.py.
APPROVAL_KIND = "manual_journal"

_CODES = frozenset(line.code for line in CHART)


def request_journal(
    *,
    scope: Scope,
    legs: Sequence[Leg],
    description: str,
    value_on: date | None = None,
    origin: Origin,
    now: datetime,
) -> Approval:
    """
    Ask a second person to book these legs; nothing is booked before.

    :raises EntryIncomplete: fewer than two legs, or a leg of zero
    :raises EntryUnbalanced: debits and credits differ in a currency
    :raises AccountUnsuitable: a leg names no account of the chart
    Source: AC-50
    """
    for leg in legs:
        if leg.account not in _CODES:
            raise AccountUnsuitable(account=leg.account[:40], param="postings")
    subject_id = new_id("mjr")
    draft = EntryDraft(
        scope=scope,
        kind="manual",
        source_type="manual_journal",
        source_id=subject_id,
        booked_at=now,
        value_on=value_on,
        description=description,
        legs=tuple(legs),
    )
    return request_approval(
        scope=scope,
        kind=APPROVAL_KIND,
        subject_id=subject_id,
        payload={
            "legs": [show_leg(leg) for leg in draft.legs],
            "value_on": value_on.isoformat() if value_on else None,
        },
        amount=sum(leg.amount for leg in legs if leg.amount > 0) or None,
        currency=legs[0].currency,
        reason=description,
        origin=origin,
        now=now,
    )


def book_journal(approval: Approval, *, now: datetime) -> str:
    """
    Book the legs which two people agreed on, and return the entry's id; twice is once.

    :raises BalanceInsufficient: a wallet would fall below its floor
    :raises AccountClosed: an account is closed
    """
    value_on = approval.payload["value_on"]
    return post_entry(
        EntryDraft(
            scope=approval.scope,
            kind="manual",
            source_type="manual_journal",
            source_id=approval.subject_id,
            booked_at=now,
            value_on=date.fromisoformat(value_on) if value_on else None,
            description=approval.reason[:255],
            metadata={"requested_by": approval.requested_by, "approved_by": approval.decided_by},
            legs=tuple(_leg(leg) for leg in approval.payload["legs"]),
        )
    )


def show_leg(leg: Leg) -> dict[str, Any]:
    """Return a leg as a request for a second person's approval has it."""
    return {
        "account": leg.account,
        "owner": leg.owner,
        "amount": leg.amount,
        "currency": leg.currency,
    }


def _leg(payload: Mapping[str, Any]) -> Leg:
    return Leg(
        account=payload["account"],
        owner=payload["owner"],
        amount=payload["amount"],
        currency=payload["currency"],
    )
