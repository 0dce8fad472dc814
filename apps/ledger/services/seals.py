"""Seal entries in batches, so that whoever changes a booked row is found out."""

from datetime import datetime

from django.db import connection, transaction

from apps.ledger.models import Seal
from apps.ledger.policies import merkle_root, seal_hash

# One seal holds the ids and hashes of its entries: 62 bytes each, 3 MB in the largest.
SEAL_ENTRIES_MAX = 50_000
HASH_BYTES = 32

# The queue holds only what is committed, so writers and sealer never wait for each other, and an
# entry that commits late is sealed late. The bounds let PostgreSQL skip the other partitions.
_TAKE = """
WITH taken AS (
    DELETE FROM ledger_unsealedentry
     WHERE entry_id IN (SELECT entry_id FROM ledger_unsealedentry ORDER BY entry_id LIMIT %s)
    RETURNING entry_id)
SELECT entry.id, ledger_leaf(entry)
  FROM taken JOIN ledger_journalentry entry ON entry.id = taken.entry_id
 ORDER BY entry.id
"""


def seal_entries(*, now: datetime, limit: int = SEAL_ENTRIES_MAX) -> Seal | None:
    """
    Put the entries that no seal covers yet, at most `limit`, under the next seal of the chain.

    Source: docs/adr/0012-seals-chain-batches-of-entries.md
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # One sealer at a time: the next seal covers the hash of this one.
        cursor.execute("LOCK TABLE ledger_seal IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(_TAKE, [limit])
        rows = cursor.fetchall()
        if not rows:
            return None
        previous = Seal.objects.order_by("-number").first()
        number = previous.number + 1 if previous else 1
        previous_hash = bytes(previous.hash) if previous else bytes(HASH_BYTES)
        leaves = [bytes(leaf) for _, leaf in rows]
        root = merkle_root(leaves)
        return Seal.objects.create(
            number=number,
            entry_ids=[entry_id for entry_id, _ in rows],
            leaves=b"".join(leaves),
            root=root,
            previous_hash=previous_hash,
            hash=seal_hash(number, root, previous_hash),
            sealed_at=now,
        )
