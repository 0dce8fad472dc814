"""The history a model learns from: the features as decisions froze them, and what became known."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

# A payment without a word against it counts as good once it is this old.
DEFAULT_DELAY: Final = timedelta(days=60)

_BATCH: Final = 2_000

_SQL: Final = """
SELECT d.features, coalesce(word.is_fraud, false), d.created_at, d.entities->>'card'
  FROM fraud_decision d
  LEFT JOIN (
    SELECT intent_id, bool_or(is_fraud) AS is_fraud FROM fraud_label
     WHERE observed_at < %s GROUP BY intent_id
  ) word ON word.intent_id = d.intent_id
 WHERE d.created_at >= %s AND d.created_at < %s AND d.features <> '{}'::jsonb
   AND (d.action <> 'block' OR word.is_fraud IS NOT NULL)
 ORDER BY d.created_at
"""


@dataclass(frozen=True, slots=True)
class Example:
    """One payment as it looked when it was judged, and whether it turned out to be fraud."""

    features: dict[str, float]
    is_fraud: bool
    at: datetime
    card: str


def read_examples(*, start: datetime, end: datetime, known_at: datetime) -> Iterator[Example]:
    """
    Yield the payments of the span in order of time, with the labels known at `known_at`.

    Payments that were blocked are left out unless somebody said what they were: nobody knows.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [known_at, start, end])
        while rows := cursor.fetchmany(_BATCH):
            for features, is_fraud, at, card in rows:
                yield Example(json.loads(features), is_fraud, at, card or "")
