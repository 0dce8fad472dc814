"""Balances are derived: from postings at once, from snapshots for the past, and all over again."""

from datetime import datetime, timedelta

from django.db import connection, transaction

from apps.common.ids import first_id
from apps.ledger.errors import BookedTooLate

# An entry is booked seconds after its time; an hour covers a clock gone wrong and a long recovery.
SNAPSHOT_DELAY = timedelta(hours=1)

_SNAPSHOT = """
INSERT INTO ledger_balancesnapshot
       (account_id, before_id, debit_posted, credit_posted, debit_pending, credit_pending)
WITH since AS (
    SELECT account_id,
           sum(amount) FILTER (WHERE layer = 'posted' AND amount > 0) AS debit_posted,
           -sum(amount) FILTER (WHERE layer = 'posted' AND amount < 0) AS credit_posted,
           sum(amount) FILTER (WHERE layer = 'pending' AND amount > 0) AS debit_pending,
           -sum(amount) FILTER (WHERE layer = 'pending' AND amount < 0) AS credit_pending
      FROM ledger_posting
     WHERE entry_id >= %(since)s AND entry_id < %(before)s
     GROUP BY account_id)
SELECT since.account_id, %(before)s,
       coalesce(earlier.debit_posted, 0) + coalesce(since.debit_posted, 0),
       coalesce(earlier.credit_posted, 0) + coalesce(since.credit_posted, 0),
       coalesce(earlier.debit_pending, 0) + coalesce(since.debit_pending, 0),
       coalesce(earlier.credit_pending, 0) + coalesce(since.credit_pending, 0)
  FROM since
  LEFT JOIN LATERAL (SELECT * FROM ledger_balancesnapshot snapshot
                      WHERE snapshot.account_id = since.account_id
                      ORDER BY before_id DESC LIMIT 1) earlier ON true
"""

_REBUILD = """
INSERT INTO ledger_balance (account_id, shard, debit_posted, credit_posted, debit_pending,
                            credit_pending, version)
SELECT account_id, 0,
       coalesce(sum(amount) FILTER (WHERE layer = 'posted' AND amount > 0), 0),
       coalesce(-sum(amount) FILTER (WHERE layer = 'posted' AND amount < 0), 0),
       coalesce(sum(amount) FILTER (WHERE layer = 'pending' AND amount > 0), 0),
       coalesce(-sum(amount) FILTER (WHERE layer = 'pending' AND amount < 0), 0),
       1
  FROM ledger_posting GROUP BY account_id
"""


def take_snapshots(*, before: datetime, now: datetime) -> int:
    """
    Keep the balances as they stood at `before`, and return how many accounts moved since the last.

    From then on nothing is booked behind `before`, so the snapshots stay true. Taking the same
    snapshot twice changes nothing.

    :raises BookedTooLate: `before` is so near to `now` that entries may still be on their way
    Source: docs/ledger.md
    """
    if before > now - SNAPSHOT_DELAY:
        raise BookedTooLate(before=before.isoformat(), latest=(now - SNAPSHOT_DELAY).isoformat())
    before_id = first_id("jrn", before)
    if _last_cut() >= before_id:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        # Writers claim their key first, so this waits for those who may still book before.
        cursor.execute("LOCK TABLE ledger_entrykey IN SHARE ROW EXCLUSIVE MODE")
        since = _last_cut()
        if since >= before_id:
            return 0
        cursor.execute("INSERT INTO ledger_snapshotcut VALUES (%s, %s)", [before_id, now])
        cursor.execute(_SNAPSHOT, {"since": since, "before": before_id})
        return int(cursor.rowcount)


def rebuild_balances() -> int:
    """
    Compute all balances anew from the postings, and return the number of accounts.

    For the owner of the tables only: it lifts the protection of the balances for its transaction,
    and writers wait until it ends.
    Source: AC-59
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE ledger_entrykey IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute("ALTER TABLE ledger_balance DISABLE TRIGGER ledger_balance_projected_only")
        cursor.execute("DELETE FROM ledger_balance")
        cursor.execute(_REBUILD)
        accounts = int(cursor.rowcount)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE ledger_balance ENABLE TRIGGER ledger_balance_projected_only")
    return accounts


def _last_cut() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(before_id), '') FROM ledger_snapshotcut")
        return str(cursor.fetchone()[0])
