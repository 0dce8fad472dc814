"""
How long rows are kept that nobody has to keep for ever.

What is not listed here stays: the ledger, events, payments, invoices, disputes and the audit trail.
The request log and idempotency keys have jobs of their own (`apps/api`), exports too
(`apps/backoffice`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class RetentionRule:
    """
    Rows of `table` go `days` after the time in `column`, if `condition` (SQL) holds for them.

    PostgreSQL itself refuses to delete rows younger than `least` days.
    """

    name: str
    table: str
    column: str
    days: int
    condition: str = "TRUE"
    least: int = 0


# In this order: what refers to a row goes before it.
RULES: Final = (
    # The answers of merchants' servers, and what was delivered to them.
    RetentionRule(
        name="webhook_attempts", table="webhooks_deliveryattempt", column="attempted_at", days=30
    ),
    RetentionRule(
        name="webhook_deliveries",
        table="webhooks_delivery",
        column="finished_at",
        days=30,
        condition="status <> 'pending' AND NOT EXISTS (SELECT FROM webhooks_deliveryattempt attempt"
        " WHERE attempt.delivery_id = webhooks_delivery.id)",
    ),
    # What gateways told, as it came. Their own proof of it is asked for within this time.
    RetentionRule(
        name="gateway_webhooks",
        table="webhooks_inboundevent",
        column="processed_at",
        days=90,
        condition="status = 'processed'",
    ),
    # Counted against the card schemes' caps, whose longest window is a month.
    RetentionRule(
        name="collection_tries", table="subscriptions_collectiontry", column="tried_at", days=60
    ),
    # What risk was told of payers: as long as a payment can be disputed, and a margin.
    RetentionRule(
        name="risk_decisions",
        table="fraud_decision",
        column="created_at",
        days=396,
        least=396,
        condition="NOT EXISTS (SELECT FROM fraud_review review"
        " WHERE review.attempt_id = fraud_decision.attempt_id AND review.status = 'open')",
    ),
    RetentionRule(
        name="risk_checks", table="fraud_check", column="created_at", days=396, least=396
    ),
    # A form that is older cannot be sent again.
    RetentionRule(
        name="dialog_claims", table="backoffice_dialogclaim", column="claimed_at", days=30
    ),
    RetentionRule(name="web_sessions", table="django_session", column="expire_date", days=0),
    # Who was inside, and who tried: thirteen months, for a year's review and the month it takes.
    RetentionRule(
        name="staff_sessions", table="backoffice_staffsession", column="ended_at", days=395
    ),
    RetentionRule(name="log_ins", table="axes_accesslog", column="attempt_time", days=395),
    RetentionRule(
        name="failed_log_ins", table="axes_accessfailurelog", column="attempt_time", days=395
    ),
)


def cutoff_of(rule: RetentionRule, now: datetime, *, days: Mapping[str, int]) -> datetime:
    """Return the moment before which the rule's rows go; `days` overrides rules by their names."""
    return now - timedelta(days=days.get(rule.name, rule.days))
