"""Book entries: the doors to `ledger_post_entry`, and the refusals of its guards."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import psycopg
from django.db import IntegrityError, connection

from apps.common.errors import DomainError
from apps.common.ids import new_id
from apps.common.json_text import to_text
from apps.common.origin import Scope
from apps.common.rows import get_row
from apps.ledger import errors
from apps.ledger.drafts import EntryDraft, Leg
from apps.ledger.models import EntryKey, JournalEntry
from apps.ledger.states import Layer

# One statement carries a batch; above this the JSON grows larger than what it saves.
BATCH_MAX = 1000

_REFUSALS: dict[str, type[DomainError]] = {
    "ledger_entry_balanced": errors.EntryUnbalanced,
    "ledger_entry_complete": errors.EntryIncomplete,
    "ledger_posting_not_zero": errors.EntryIncomplete,
    "ledger_posting_account": errors.AccountUnsuitable,
    "ledger_account_currency_upper": errors.AccountUnsuitable,
    "ledger_account_open": errors.AccountClosed,
    "ledger_account_floor": errors.BalanceInsufficient,
    "ledger_entry_same_content": errors.EntryConflict,
    "ledger_entry_reversed_once": errors.EntryAlreadyReversed,
    "ledger_period_open": errors.PeriodClosed,
    "ledger_booked_in_time": errors.BookedTooLate,
}


def post_entry(draft: EntryDraft) -> str:
    """
    Book one fact and return the entry's id; a fact that is booked already keeps its first id.

    One statement: in a transaction call it last, and once (use `post_entries` for several), since
    it holds the balances of wallets until the transaction ends. After a refusal the transaction
    can only be rolled back.

    :raises EntryConflict: the fact was booked before with other content
    :raises BalanceInsufficient: a wallet would fall below its floor
    :raises AccountUnsuitable: an account is not in the chart or of another merchant
    :raises AccountClosed: an account is closed
    Source: docs/ledger.md
    """
    with translate_refusals(), connection.cursor() as cursor:
        cursor.execute("SELECT ledger_post_entry(%s::jsonb)", [to_text(draft.row())])
        return str(cursor.fetchone()[0])


def post_entries(drafts: Sequence[EntryDraft]) -> list[str]:
    """
    Book many facts in one statement, all or none, and return their ids in the same order.

    :raises ValueError: more than BATCH_MAX
    :raises DomainError: as `post_entry`
    Source: docs/ledger.md
    """
    if len(drafts) > BATCH_MAX:
        raise ValueError(f"at most {BATCH_MAX} entries per batch, not {len(drafts)}")
    if not drafts:
        return []
    rows = to_text([draft.row() for draft in drafts])
    with translate_refusals(), connection.cursor() as cursor:
        cursor.execute("SELECT ledger_post_entries(%s::jsonb)", [rows])
        return list(cursor.fetchone()[0])


def reverse_entry(
    *,
    scope: Scope,
    entry_id: str,
    now: datetime,
    source_type: str = "reversal",
    source_id: str = "",
    description: str = "",
) -> str:
    """
    Take an entry back with a new one, and return the new one's id.

    With a source (say, the approval that asked for it) hearing it twice changes nothing; without
    one each call is a new wish, and the second is refused.

    :raises ResourceMissing: no such entry in this account and mode
    :raises EntryAlreadyReversed: another entry reverses it
    Source: AC-53
    """
    reversed_entry = get_row(JournalEntry.objects, scope, entry_id, resource="journal entry")
    standing = EntryKey.objects.filter(reverses=entry_id).first()
    if standing and (standing.source_type, standing.source_id) != (source_type, source_id):
        raise errors.EntryAlreadyReversed(entry=entry_id, reversed_by=standing.entry_id)
    return post_entry(
        EntryDraft(
            scope=scope,
            kind="reversed",
            source_type=source_type,
            source_id=source_id or new_id("rev"),
            booked_at=now,
            reverses=entry_id,
            description=description,
            legs=tuple(leg.reversed() for leg in _legs_of(reversed_entry)),
        )
    )


@contextmanager
def translate_refusals() -> Iterator[None]:
    """
    Turn what the ledger's guards refuse into DomainErrors.

    For services which call `ledger_post_entry` inside a SQL function of their own.
    """
    try:
        yield
    except IntegrityError as error:
        cause = error.__cause__
        if not isinstance(cause, psycopg.Error):
            raise
        refusal = _REFUSALS.get(cause.diag.constraint_name or "")
        if refusal is None:
            raise
        raise refusal(cause.diag.message_primary or "") from error


def _legs_of(entry: JournalEntry) -> list[Leg]:
    return [
        Leg(
            account=posting.account.code,
            owner=posting.account.owner,
            amount=posting.amount,
            currency=posting.currency,
            layer=Layer(posting.layer),
        )
        for posting in entry.postings.select_related("account").order_by("leg")
    ]
