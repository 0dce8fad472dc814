"""Delete what is older than its rule says, in batches, once a day."""

import logging
from datetime import UTC, datetime

from django.conf import settings
from django.db import connection, transaction

from apps.compliance.models import RetentionRun
from apps.compliance.policies import RULES, RetentionRule, cutoff_of

logger = logging.getLogger(__name__)

# Rows per transaction: no lock is held for long, and a stopped job has done what it has done.
BATCH = 5_000

_DELETE = """
DELETE FROM {table} WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM {table} WHERE {column} < %s AND {condition} LIMIT %s FOR UPDATE SKIP LOCKED))
"""
_COUNT = "SELECT count(*) FROM {table} WHERE {column} < %s AND {condition}"


def keep_retention(*, now: datetime) -> int:
    """
    Take the next batch of today's work; return how many rows went, 0 when the day is done.

    As often as wanted: a rule that is done today is left alone until tomorrow.
    """
    day = now.astimezone(UTC).date()
    done = set(
        RetentionRun.objects.filter(day=day, finished_at__isnull=False).values_list(
            "rule", flat=True
        )
    )
    for rule in RULES:
        if rule.name not in done:
            deleted = _take_batch(rule, now=now)
            if deleted:
                return deleted
    return 0


def count_due(*, now: datetime) -> dict[str, int]:
    """Return how many rows each rule would delete now; for a look before it happens."""
    counts = {}
    with connection.cursor() as cursor:
        for rule in RULES:
            cursor.execute(_of(rule, _COUNT), [_cutoff(rule, now)])
            counts[rule.name] = int(cursor.fetchone()[0])
    return counts


def _take_batch(rule: RetentionRule, *, now: datetime) -> int:
    cutoff = _cutoff(rule, now)
    with transaction.atomic():
        run, _ = RetentionRun.objects.select_for_update().get_or_create(
            rule=rule.name, day=now.astimezone(UTC).date(), defaults={"cutoff": cutoff}
        )
        with connection.cursor() as cursor:
            cursor.execute(_of(rule, _DELETE), [cutoff, BATCH])
            deleted: int = cursor.rowcount
        run.cutoff = cutoff
        run.deleted += deleted
        if deleted < BATCH:
            run.finished_at = now
        run.save(update_fields=["cutoff", "deleted", "finished_at"])
    if deleted:
        logger.info("%s: %s rows before %s deleted", rule.name, deleted, cutoff.isoformat())
    return deleted


def _cutoff(rule: RetentionRule, now: datetime) -> datetime:
    return cutoff_of(rule, now, days=settings.RETENTION_DAYS)


def _of(rule: RetentionRule, statement: str) -> str:
    return statement.format(table=rule.table, column=rule.column, condition=rule.condition)
