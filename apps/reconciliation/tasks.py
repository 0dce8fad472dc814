"""What reconciliation does by the clock; wired in config/schedule.py."""

import logging
from datetime import date, datetime

from django.conf import settings

from apps.common.origin import CLOCK, Scope
from apps.reconciliation.policies import day_before
from apps.reconciliation.selectors import has_news, list_scopes
from apps.reconciliation.services import ask_gateway_again, reconcile_day

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


def _reconcile(scope: Scope, gateway: str, day: date, *, now: datetime) -> None:
    """Compare, and once more when the gateway has told what we did not know."""
    reconcile_day(scope=scope, gateway=gateway, day=day, origin=CLOCK, now=now)
    if ask_gateway_again(scope=scope, gateway=gateway, origin=CLOCK, now=now):
        reconcile_day(scope=scope, gateway=gateway, day=day, origin=CLOCK, now=now)
