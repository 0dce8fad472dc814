"""What reconciliation does by the clock; wired in config/schedule.py."""

import logging
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.conf import settings

from apps.common.errors import DomainError
from apps.common.origin import CLOCK, Scope
from apps.reconciliation.policies import day_before
from apps.reconciliation.selectors import (
    has_news,
    is_to_be_fetched,
    list_accounts,
    list_scopes,
)
from apps.reconciliation.services import ask_gateway_again, fetch_report, reconcile_day
from apps.reconciliation.states import ReportState

# A report that did not come within days is fetched by hand, or uploaded.
FETCHED_DAYS: Final = 3
ASK_AGAIN: Final = timedelta(hours=1)

logger = logging.getLogger(__name__)


def reconcile_yesterday(*, now: datetime) -> int:
    """
    Compare yesterday for every gateway of which there is news, and say for how many.

    News is a day that no run has looked at, or a statement that came after the last run.
    Yesterday is the gateway's own. A gateway that fails does not keep the others from it.
    """
    done = 0
    for scope, gateway in list_scopes():
        day = day_before(now, settings.RECONCILIATION_TIME_ZONES.get(gateway, "UTC"))
        if not has_news(scope, gateway, day):
            continue
        try:
            _reconcile(scope, gateway, day, now=now)
        except Exception:
            logger.exception("reconciliation of %s on %s failed", gateway, day)
            continue
        done += 1
    return done


def fetch_reports(*, now: datetime) -> int:
    """
    Fetch the reports of the last days which are not there yet, and say how many came.

    A gateway that has none yet, or fails, is asked again an hour later; others do not wait for it.
    """
    came = 0
    for scope, gateway in list_accounts():
        for ago in range(1, FETCHED_DAYS + 1):
            day = now.astimezone(UTC).date() - timedelta(days=ago)
            if not is_to_be_fetched(scope, gateway, day, asked_before=now - ASK_AGAIN):
                continue
            try:
                fetch = fetch_report(scope=scope, gateway=gateway, day=day, origin=CLOCK, now=now)
            except DomainError as trouble:
                logger.warning(trouble.message)
                continue
            came += fetch.state == ReportState.FETCHED
    return came


def _reconcile(scope: Scope, gateway: str, day: date, *, now: datetime) -> None:
    """Compare, and once more when the gateway has told what we did not know."""
    reconcile_day(scope=scope, gateway=gateway, day=day, origin=CLOCK, now=now)
    if ask_gateway_again(scope=scope, gateway=gateway, origin=CLOCK, now=now):
        reconcile_day(scope=scope, gateway=gateway, day=day, origin=CLOCK, now=now)
