"""The hourly count of the schemes' ratios, and the word when one nears its limit."""

import logging
from datetime import datetime

from django.db import transaction

from apps.common.ids import new_id
from apps.common.origin import CLOCK, Scope
from apps.disputes.models import SchemeStanding
from apps.disputes.objects import render_standing
from apps.disputes.ratios import ALERT_STEPS
from apps.disputes.tallies import (
    Standing,
    find_troubled_scopes,
    first_of_month,
    stand_with_schemes,
)
from apps.outbox.services import EventDraft, publish

logger = logging.getLogger(__name__)


def count_standings(*, now: datetime) -> int:
    """Count this month's ratios of everybody with disputes; return how many were kept."""
    month = first_of_month(now)
    kept = 0
    for scope in find_troubled_scopes(month):
        for standing in stand_with_schemes(scope, month=month, now=now):
            _keep(scope, standing, now=now)
            kept += 1
    return kept


def _keep(scope: Scope, standing: Standing, *, now: datetime) -> None:
    counts, ratio = standing.counts, standing.ratio
    told = {
        "disputes": counts.disputes,
        "fraud_reports": counts.fraud_reports,
        "payments": counts.payments,
        "percent": ratio.percent,
        "projected": standing.projected.percent,
        "programme": ratio.programme,
        "counted_at": now,
    }
    with transaction.atomic():
        row, _ = SchemeStanding.objects.select_for_update().update_or_create(
            merchant_id=scope.merchant_id,
            livemode=scope.livemode,
            network=counts.network,
            month=counts.month,
            defaults=told,
            create_defaults={**told, "id": new_id("drs")},
        )
        if ratio.alert > row.alert:
            row.alert = ratio.alert
            row.save(update_fields=["alert"])
            _warn(row, now=now)


def _warn(row: SchemeStanding, *, now: datetime) -> None:
    logger.warning("%s's dispute ratio has reached %s %% of its limit", row.network, row.alert)
    publish(
        EventDraft.about(
            # One event per step, however many steps are taken at once.
            row,
            "dispute_ratio.limit_near",
            render_standing(row),
            sequence=ALERT_STEPS.index(row.alert) + 1,
            origin=CLOCK,
            now=now,
        )
    )
