"""What a rule would have done: one statement over the decisions that history keeps."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from apps.common.origin import Scope
from apps.fraud.models import ValueList, ValueListItem
from apps.fraud.rule_sql import RuleSql
from apps.fraud.rules import compile_expression, lists_of

MAX_DAYS: Final = 400
SAMPLES: Final = 50
# Labels of younger payments are not all in yet; they are counted apart.
MATURITY: Final = timedelta(days=60)
# A rule that takes longer to try than this asks for too much at once.
TIMEOUT_MS: Final = 30_000

_SQL: Final = """
WITH hits AS MATERIALIZED (
    SELECT id, intent_id, amount, currency, action, created_at FROM fraud_decision
     WHERE merchant_id = %s AND livemode = %s AND created_at >= %s AND created_at < %s
       AND currency <> '' AND {condition}
), judged AS (
    SELECT hits.*, coalesce(word.is_fraud, false) AS is_fraud, hits.created_at < %s AS is_mature
      FROM hits LEFT JOIN (
        SELECT intent_id, bool_or(is_fraud) AS is_fraud FROM fraud_label
         WHERE merchant_id = %s AND livemode = %s GROUP BY intent_id
      ) word USING (intent_id)
)
SELECT currency,
       count(*), coalesce(sum(amount), 0)::bigint,
       count(*) FILTER (WHERE is_fraud),
       coalesce(sum(amount) FILTER (WHERE is_fraud), 0)::bigint,
       count(*) FILTER (WHERE NOT is_fraud AND is_mature AND action <> 'block'),
       coalesce(sum(amount) FILTER (WHERE NOT is_fraud AND is_mature AND action <> 'block'), 0)
           ::bigint,
       count(*) FILTER (WHERE action = 'block'),
       count(*) FILTER (WHERE NOT is_mature AND NOT is_fraud),
       (array_agg(intent_id ORDER BY id DESC))[1:%s]
  FROM judged GROUP BY currency ORDER BY currency
"""

_TOTAL: Final = """
SELECT count(*), count(*) FILTER (WHERE EXISTS (
           SELECT FROM fraud_label WHERE intent_id = d.intent_id AND is_fraud))
  FROM fraud_decision d
 WHERE merchant_id = %s AND livemode = %s AND created_at >= %s AND created_at < %s
   AND currency <> ''
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class CurrencyEffect:
    """
    What the rule would have met in one currency; amounts are minor units.

    `good` are payments old enough to be known as good; `blocked_before` were stopped anyway, so
    nobody knows what they would have been; `too_young` may still turn out to be fraud.
    """

    currency: str
    matched: int
    amount: int
    fraud: int
    fraud_amount: int
    good: int
    good_amount: int
    blocked_before: int
    too_young: int
    sample: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Backtest:
    """The effect per currency, beside all payments and frauds of the same days."""

    action: str
    days: int
    payments: int
    frauds: int
    effects: list[CurrencyEffect]

    def render(self) -> dict[str, Any]:
        """Return the result as `radar.rule.backtest`."""
        matched = sum(effect.matched for effect in self.effects)
        fraud = sum(effect.fraud for effect in self.effects)
        good = sum(effect.good for effect in self.effects)
        return {
            "object": "radar.rule.backtest",
            "action": self.action,
            "days": self.days,
            "payments": self.payments,
            "frauds": self.frauds,
            "matched": matched,
            "matched_fraud": fraud,
            "matched_good": good,
            "precision_basis_points": _basis_points(fraud, fraud + good),
            "recall_basis_points": _basis_points(fraud, self.frauds),
            "match_rate_basis_points": _basis_points(matched, self.payments),
            "currencies": [
                {
                    "currency": effect.currency.lower(),
                    "matched": effect.matched,
                    "amount": effect.amount,
                    "fraud": effect.fraud,
                    "amount_fraud": effect.fraud_amount,
                    "good": effect.good,
                    "amount_good": effect.good_amount,
                    "blocked_before": effect.blocked_before,
                    "too_young": effect.too_young,
                    "sample": effect.sample,
                }
                for effect in self.effects
            ],
        }


def backtest_expression(
    *, scope: Scope, action: str, expression: str, days: int, now: datetime
) -> Backtest:
    """
    Try a rule on the decisions of the last `days`, as a set: PostgreSQL reads them once.

    :raises RuleInvalid: no sound rule, or it asks for what history does not keep
    """
    aliases = ValueList.objects.filter(merchant_id=scope.merchant_id, livemode=scope.livemode)
    compile_expression(expression, lists=set(aliases.values_list("alias", flat=True)))
    reader = RuleSql(expression, lists=_values(scope, lists_of(expression)))
    condition = reader.condition()
    owner: list[Any] = [scope.merchant_id, scope.livemode]
    span: list[Any] = [*owner, now - timedelta(days=days), now]
    params: list[Any] = [*span, *reader.params, now - MATURITY, *owner, SAMPLES]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {TIMEOUT_MS}")
        cursor.execute(_SQL.format(condition=condition), params)
        effects = [CurrencyEffect(**dict(zip(_COLUMNS, row, strict=True))) for row in cursor]
        cursor.execute(_TOTAL, span)
        payments, frauds = cursor.fetchone()
    return Backtest(action=action, days=days, payments=payments, frauds=frauds, effects=effects)


_COLUMNS: Final = tuple(CurrencyEffect.__dataclass_fields__)


def _values(scope: Scope, aliases: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {alias: [] for alias in aliases}
    items = ValueListItem.objects.filter(
        value_list__merchant_id=scope.merchant_id,
        value_list__livemode=scope.livemode,
        value_list__alias__in=aliases,
        waits=False,
    )
    for alias, value in items.values_list("value_list__alias", "value"):
        found[alias].append(value.lower())
    return found


def _basis_points(part: int, whole: int) -> int | None:
    return part * 10_000 // whole if whole else None
