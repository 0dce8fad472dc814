"""Closing a month: only what was compared to its end, and has nothing open."""

from datetime import date, datetime, timedelta

from apps.common.origin import Origin, Scope
from apps.ledger.models import PeriodClose
from apps.ledger.services import close_period
from apps.reconciliation.errors import MonthNotReady
from apps.reconciliation.models import Discrepancy
from apps.reconciliation.selectors import find_unreconciled
from apps.reconciliation.services.runs import check_day
from apps.reconciliation.states import DiscrepancyStatus

# Further than any month reaches from its first day, and less than two.
_INTO_NEXT_MONTH = timedelta(days=32)


def close_month(*, scope: Scope, month: date, origin: Origin, now: datetime) -> PeriodClose:
    """
    Close the books of the month in which `month` lies; closing it twice changes nothing.

    Later entries for its days count for the next open day.

    :raises InvalidParameter: there can be no statements of that month
    :raises MonthNotReady: exceptions are open, or a day was not compared
    :raises PeriodClosed: a later day is closed already, or the month has not ended
    Source: AC-58, docs/reconciliation.md
    """
    check_day(month)
    last = last_day(month)
    open_ones = Discrepancy.objects.filter(
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        status=DiscrepancyStatus.OPEN,
        day__lte=last,
    ).count()
    if open_ones:
        reason = f"{open_ones} exceptions of its days are open"
        raise MonthNotReady(month=f"{last:%Y-%m}", reason=reason, open=open_ones)
    if behind := find_unreconciled(scope, last.replace(day=1), last):
        gateway, day = behind[0]
        reason = f"nobody compared {gateway} on {day}"
        raise MonthNotReady(month=f"{last:%Y-%m}", reason=reason, days=len(behind))
    return close_period(scope=scope, through=last, origin=origin, now=now)


def last_day(month: date) -> date:
    """Return the last day of the month in which a day lies."""
    return (month.replace(day=1) + _INTO_NEXT_MONTH).replace(day=1) - timedelta(days=1)
