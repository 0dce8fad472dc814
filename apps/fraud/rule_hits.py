"""What rules met lately, and how often they were right: read from the decisions that they met."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import connection

from apps.fraud.backtest import MATURITY
from apps.fraud.models import Rule

# As far as labels are looked for; and the newest so many payments, which bounds the page.
LOOK_BACK: Final = timedelta(days=90)
LOOK_THROUGH: Final = 10_000

# The condition is that of the index `decision_hits`, word for word. Of a watched rule a decision
# also says what it would have done, behind a colon.
_SQL: Final = """
WITH hits AS MATERIALIZED (
    SELECT intent_id, action, created_at, matched_rules, shadow -> 'rules' AS shadow_rules
      FROM fraud_decision
     WHERE created_at >= %s
       AND (NOT (matched_rules = '[]'::jsonb) OR NOT ((shadow -> 'rules') = '[]'::jsonb))
     ORDER BY created_at DESC LIMIT %s
), judged AS (
    SELECT hits.*, word.is_fraud
      FROM hits LEFT JOIN LATERAL (
        SELECT bool_or(is_fraud) AS is_fraud FROM fraud_label WHERE intent_id = hits.intent_id
      ) word ON true
)
SELECT hit.label, (created_at AT TIME ZONE 'UTC')::date,
       count(*) FILTER (WHERE NOT hit.is_shadow), count(*) FILTER (WHERE hit.is_shadow),
       count(*) FILTER (WHERE is_fraud),
       count(*) FILTER (WHERE NOT is_fraud
                           OR is_fraud IS NULL AND created_at < %s AND action <> 'block')
  FROM judged CROSS JOIN LATERAL (
    SELECT jsonb_array_elements_text(matched_rules), false
     UNION ALL SELECT split_part(jsonb_array_elements_text(shadow_rules), ':', 1), true
  ) AS hit (label, is_shadow)
 GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class DayOfHits:
    """
    What one version of a rule, or a list, met on one day, with effect and in the shadow.

    `frauds` and `good` are those of whom it is known: the good ones because somebody said so, or
    because nobody complained for long enough.
    """

    label: str
    day: date
    live: int
    shadow: int
    frauds: int
    good: int

    @property
    def hits(self) -> int:
        return self.live + self.shadow


def label_of(rule: Rule) -> str:
    """Return how decisions name this version of the rule."""
    return f"{rule.family}@{rule.version}"


def list_rule_hits(*, now: datetime) -> list[DayOfHits]:
    """Return what rules and lists met, by label and day, of the newest payments that any met."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [now - LOOK_BACK, LOOK_THROUGH, now - MATURITY])
        return [DayOfHits(*row) for row in cursor]


def count_hits(days: Collection[DayOfHits], *, since: date) -> int:
    """Return how often it met a payment since that day."""
    return sum(each.hits for each in days if each.day >= since)


def precision_of(days: Collection[DayOfHits]) -> int | None:
    """Return of how many hits it was right, in basis points of those of which it is known."""
    frauds = sum(each.frauds for each in days)
    known = frauds + sum(each.good for each in days)
    return frauds * 10_000 // known if known else None
