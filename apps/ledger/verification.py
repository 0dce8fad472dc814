"""
Prove the books: every check reads the rows themselves and names the first bad one.

PostgreSQL does the work, a window of entries or a seal at a time, so memory stays the same however
long the books are. Each check is one statement per window: writers may go on meanwhile.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from django.db import connection

from apps.ledger.policies import merkle_root, seal_hash
from apps.ledger.services.seals import HASH_BYTES

# Entries checked in one query: about a second's work.
WINDOW_ENTRIES = 50_000
# Sorts after every id.
LAST_ID = "~"


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken law: which check, which row, and what is wrong with it."""

    check: str
    row: str
    detail: str


def verify_books(*, window: int = WINDOW_ENTRIES) -> Iterator[Finding]:
    """Yield the first bad row of each check; nothing when the books are true."""
    checks: tuple[tuple[str, Callable[[], Iterator[tuple[str, str]]]], ...] = (
        ("guards", lambda: iter(_query(_GUARDS))),
        *((name, _windowed(sql, window)) for name, sql in _WINDOW_CHECKS),
        ("keys", lambda: iter(_query(_KEYS))),
        ("cached balances", lambda: iter(_query(_BALANCES))),
        ("snapshots", lambda: iter(_query(_SNAPSHOTS))),
        ("seals", _check_seals),
        ("sealed once", _check_sealed_once),
    )
    for name, check in checks:
        bad = next(check(), None)
        if bad is not None:
            yield Finding(name, *bad)


def _windowed(sql: str, window: int) -> Callable[[], Iterator[tuple[str, str]]]:
    def check() -> Iterator[tuple[str, str]]:
        first = ""
        while first != LAST_ID:
            ends = _query(_WINDOW_END, {"first": first, "window": window})
            end = ends[0][0] if ends else LAST_ID
            yield from _query(sql, {"first": first, "end": end})
            first = end

    return check


def _check_seals() -> Iterator[tuple[str, str]]:
    previous_hash = bytes(HASH_BYTES)
    for number in range(1, _query("SELECT coalesce(max(number), 0) FROM ledger_seal")[0][0] + 1):
        seals = _query(_SEAL, {"number": number})
        if not seals:
            yield f"seal {number}", "is missing"
            return
        entry_ids, leaves, root, stated_previous, stated_hash = seals[0]
        sealed = [leaves[at : at + HASH_BYTES] for at in range(0, len(leaves), HASH_BYTES)]
        if merkle_root(sealed) != root:
            yield f"seal {number}", "its root is not that of its leaves"
        if stated_previous != previous_hash:
            yield f"seal {number}", "does not follow the seal before"
        previous_hash = seal_hash(number, root, previous_hash)
        if stated_hash != previous_hash:
            yield f"seal {number}", "its hash is not that of its content"
        yield from _changed_since(number, entry_ids, sealed)


def _changed_since(
    number: int, entry_ids: list[str], sealed: list[bytes]
) -> Iterator[tuple[str, str]]:
    current = [leaf for (leaf,) in _query(_LEAVES, {"number": number})]
    for entry_id, leaf, now in zip_longest(entry_ids, sealed, current):
        if now is None:
            yield entry_id, f"is in seal {number} and gone from the books"
        elif now != leaf:
            yield entry_id, f"changed since seal {number}"


def _check_sealed_once() -> Iterator[tuple[str, str]]:
    """Look for the culprit only when the counts differ: the search reads every seal."""
    booked, accounted = _query(_SEALED_COUNTS)[0]
    if booked != accounted:
        yield from _query(_UNSEALED)
        yield "ledger_seal", f"{accounted} entries are sealed or queued, {booked} are booked"


def _query(sql: str, params: dict[str, str | int] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        # Always with parameters: the statements write every % twice.
        cursor.execute(sql, params or {})
        return list(cursor.fetchall())


_GUARDS = """
SELECT target.relid::regclass::text, 'has no working trigger ' || target.name
  FROM (SELECT tree.relid, name
          FROM (VALUES ('ledger_journalentry'), ('ledger_posting')) root (name_of_root)
         CROSS JOIN LATERAL pg_partition_tree(name_of_root::regclass) tree
         CROSS JOIN (VALUES ('ledger_guard'), ('ledger_append_only')) needed (name)
         UNION ALL
        SELECT name_of_table::regclass, name
          FROM (VALUES ('ledger_balance', 'ledger_balance_projected_only'),
                       ('ledger_account', 'ledger_account_identity_stays'),
                       ('ledger_account', 'ledger_account_stays'),
                       ('ledger_entrykey', 'ledger_entrykey_append_only'),
                       ('ledger_seal', 'ledger_seal_append_only'),
                       ('ledger_periodclose', 'ledger_periodclose_append_only'),
                       ('ledger_exchangerate', 'ledger_exchangerate_append_only'),
                       ('ledger_snapshotcut', 'ledger_snapshotcut_append_only'),
                       ('ledger_balancesnapshot', 'ledger_balancesnapshot_append_only')
               ) single (name_of_table, name)) target
  LEFT JOIN pg_trigger trigger
         ON trigger.tgrelid = target.relid AND trigger.tgname = target.name
        AND trigger.tgenabled IN ('O', 'A')
 WHERE trigger.oid IS NULL
 ORDER BY 1, 2 LIMIT 1
"""

_WINDOW_END = """
SELECT id FROM ledger_journalentry WHERE id >= %(first)s ORDER BY id OFFSET %(window)s LIMIT 1
"""

_WINDOW_CHECKS = (
    (
        "balance",
        """
        SELECT entry_id, format('is out of balance by %%s %%s in layer %%s', sum(amount), currency,
                                layer)
          FROM ledger_posting WHERE entry_id >= %(first)s AND entry_id < %(end)s
         GROUP BY entry_id, currency, layer HAVING sum(amount) <> 0
         ORDER BY entry_id LIMIT 1
        """,
    ),
    (
        "legs",
        """
        SELECT coalesce(entry.id, posted.entry_id),
               format('entry %%s, legs %%s', CASE WHEN entry.id IS NULL THEN 'missing'
                      ELSE 'there' END, coalesce(posted.legs, '{}'))
          FROM (SELECT id FROM ledger_journalentry
                 WHERE id >= %(first)s AND id < %(end)s) entry
          FULL JOIN (SELECT entry_id, array_agg(leg::integer ORDER BY leg) AS legs
                       FROM ledger_posting WHERE entry_id >= %(first)s AND entry_id < %(end)s
                      GROUP BY entry_id) posted ON posted.entry_id = entry.id
         WHERE entry.id IS NULL OR cardinality(posted.legs) < 2 OR posted.legs IS NULL
            OR posted.legs[cardinality(posted.legs)] <> cardinality(posted.legs)
         ORDER BY 1 LIMIT 1
        """,
    ),
    (
        "accounts",
        """
        SELECT entry.id, format('leg %%s is on account %%s of another currency, merchant or mode',
                                posting.leg, posting.account_id)
          FROM ledger_posting posting
          JOIN ledger_journalentry entry ON entry.id = posting.entry_id
           AND entry.id >= %(first)s AND entry.id < %(end)s
          LEFT JOIN ledger_account account ON account.id = posting.account_id
         WHERE posting.entry_id >= %(first)s AND posting.entry_id < %(end)s
           AND (account.currency = posting.currency AND account.merchant_id = entry.merchant_id
                AND account.livemode = entry.livemode) IS NOT true
         ORDER BY 1 LIMIT 1
        """,
    ),
    (
        "digests",
        """
        SELECT entry.id, 'its content is not what was booked'
          FROM ledger_journalentry entry
          JOIN (SELECT posting.entry_id, jsonb_agg(jsonb_build_object(
                           'account', account.code, 'owner', account.owner,
                           'currency', posting.currency, 'layer', posting.layer,
                           'amount', posting.amount, 'forced', posting.forced)
                           ORDER BY posting.leg) AS legs
                  FROM ledger_posting posting
                  JOIN ledger_account account ON account.id = posting.account_id
                 WHERE posting.entry_id >= %(first)s AND posting.entry_id < %(end)s
                 GROUP BY posting.entry_id) content ON content.entry_id = entry.id
         WHERE entry.id >= %(first)s AND entry.id < %(end)s
           AND entry.digest <> ledger_digest(
                   entry.merchant_id, entry.livemode, entry.kind, entry.source_type,
                   entry.source_id, entry.reverses, entry.metadata, content.legs)
         ORDER BY entry.id LIMIT 1
        """,
    ),
)

_KEYS = """
SELECT coalesce(entry.id, key.entry_id),
       CASE WHEN entry.id IS NULL THEN 'has a key and is gone from the books'
            ELSE 'has no key: its fact could be booked again' END
  FROM ledger_journalentry entry
  FULL JOIN ledger_entrykey key ON key.entry_id = entry.id
 WHERE entry.id IS NULL OR key.entry_id IS NULL
    OR (key.source_type, key.source_id, key.kind)
       <> (entry.source_type, entry.source_id, entry.kind)
    OR key.reverses IS DISTINCT FROM entry.reverses
 ORDER BY 1 LIMIT 1
"""

_BALANCES = """
SELECT format('account %%s', account_id),
       format('cached debit/credit posted %%s/%%s, pending %%s/%%s; summed %%s/%%s, %%s/%%s',
              cached.debit_posted, cached.credit_posted, cached.debit_pending,
              cached.credit_pending, summed.debit_posted, summed.credit_posted,
              summed.debit_pending, summed.credit_pending)
  FROM (SELECT account_id, sum(debit_posted) AS debit_posted, sum(credit_posted) AS credit_posted,
               sum(debit_pending) AS debit_pending, sum(credit_pending) AS credit_pending
          FROM ledger_balance GROUP BY account_id) cached
  FULL JOIN (SELECT account_id,
                    coalesce(sum(amount) FILTER (WHERE layer = 'posted' AND amount > 0), 0)
                        AS debit_posted,
                    coalesce(-sum(amount) FILTER (WHERE layer = 'posted' AND amount < 0), 0)
                        AS credit_posted,
                    coalesce(sum(amount) FILTER (WHERE layer = 'pending' AND amount > 0), 0)
                        AS debit_pending,
                    coalesce(-sum(amount) FILTER (WHERE layer = 'pending' AND amount < 0), 0)
                        AS credit_pending
               FROM ledger_posting GROUP BY account_id) summed USING (account_id)
 WHERE (cached.debit_posted, cached.credit_posted, cached.debit_pending, cached.credit_pending)
       IS DISTINCT FROM
       (summed.debit_posted, summed.credit_posted, summed.debit_pending, summed.credit_pending)
 ORDER BY account_id LIMIT 1
"""

_SNAPSHOTS = """
SELECT format('account %%s', latest.account_id), 'its snapshot before ' || latest.before_id
       || ' is not the sum of its postings'
  FROM (SELECT DISTINCT ON (account_id) * FROM ledger_balancesnapshot
         ORDER BY account_id, before_id DESC) latest
  JOIN ledger_posting posting
       ON posting.account_id = latest.account_id AND posting.entry_id < latest.before_id
 GROUP BY latest.account_id, latest.before_id, latest.debit_posted, latest.credit_posted,
          latest.debit_pending, latest.credit_pending
HAVING (latest.debit_posted - latest.credit_posted, latest.debit_pending - latest.credit_pending)
       <> (coalesce(sum(amount) FILTER (WHERE layer = 'posted'), 0),
           coalesce(sum(amount) FILTER (WHERE layer = 'pending'), 0))
 ORDER BY latest.account_id LIMIT 1
"""

_SEAL = """
SELECT entry_ids, leaves, root, previous_hash, hash FROM ledger_seal WHERE number = %(number)s
"""

_LEAVES = """
SELECT CASE WHEN entry.id IS NOT NULL THEN ledger_leaf(entry) END
  FROM ledger_seal seal CROSS JOIN LATERAL unnest(seal.entry_ids) WITH ORDINALITY AS sealed (id, at)
  LEFT JOIN ledger_journalentry entry ON entry.id = sealed.id
 WHERE seal.number = %(number)s ORDER BY sealed.at
"""

_SEALED_COUNTS = """
SELECT (SELECT count(*) FROM ledger_journalentry),
       (SELECT coalesce(sum(cardinality(entry_ids)), 0) FROM ledger_seal)
       + (SELECT count(*) FROM ledger_unsealedentry)
"""

_UNSEALED = """
SELECT id, 'is neither sealed nor waiting for a seal' FROM ledger_journalentry
EXCEPT SELECT unnest(entry_ids), 'is neither sealed nor waiting for a seal' FROM ledger_seal
EXCEPT SELECT entry_id, 'is neither sealed nor waiting for a seal' FROM ledger_unsealedentry
 ORDER BY 1 LIMIT 1
"""
