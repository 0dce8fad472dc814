"""The books as an intruder would write them: in SQL, past every service."""

import json
from typing import Any

from django.db import IntegrityError, connection, transaction

from apps.common.ids import id_at
from tests.ledger.books import NOW

# One statement that claims a key and inserts an entry with legs (account code, amount, currency),
# the way an intruder with the application's password would.
INSERT = """
WITH draft AS (SELECT %(id)s::text AS id),
key AS (INSERT INTO ledger_entrykey (source_type, source_id, kind, entry_id)
        SELECT 'raw', id, 'raw', id FROM draft WHERE %(claim)s),
entry AS (
    INSERT INTO {entries} (id, merchant_id, livemode, kind, source_type, source_id, value_on,
                           booked_at, description, metadata, digest)
    SELECT id, %(merchant)s, false, 'raw', 'raw', id, '2026-11-20', now(), '', '{{}}', '\\x00'
      FROM draft WHERE %(entry)s)
INSERT INTO {postings} (entry_id, leg, account_id, layer, amount, currency, forced)
SELECT draft.id, leg.number, account.id, coalesce(leg.layer, 'posted'), leg.amount, leg.currency,
       false
  FROM draft, jsonb_to_recordset(%(legs)s::jsonb)
       AS leg (number int, code text, layer text, amount bigint, currency text)
  JOIN ledger_account account ON account.code = leg.code
"""


def leg(number: int, code: str, amount: int, **changes: Any) -> dict[str, Any]:
    return {"number": number, "code": code, "amount": amount, "currency": "EUR", **changes}


def insert(
    *legs: dict[str, Any],
    entries: str = "ledger_journalentry",
    postings: str = "ledger_posting",
    **changes: Any,
) -> str:
    """Insert and return the constraint that refused, or '' when nothing did."""
    params: dict[str, Any] = {
        "id": id_at("jrn", NOW),
        "merchant": "acct_ada",
        "claim": True,
        "entry": True,
        "legs": json.dumps(legs),
    } | changes
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(INSERT.format(entries=entries, postings=postings), params)
    except IntegrityError as error:
        return str(error.__cause__.diag.constraint_name)  # type: ignore[union-attr]
    return ""


BALANCED = (leg(1, "sales", -5), leg(2, "gateway_clearing", 5))
