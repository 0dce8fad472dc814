"""
Make the figures of an hour from the facts, again and again: the last making is right.

Ids sort by time, so an hour of facts is a range of the primary key. What comes late changes an
hour that was made before: the last two hours are made anew every minute, three days every hour,
and with them each older hour that has an attempt of which nobody knew the outcome.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from apps.common.ids import first_id
from apps.ledger.chart import CHART
from apps.payments.states import AttemptStatus
from apps.reporting.models import COUNTED_EVENTS, HourOfAttempts, RollUp

RECENT: Final = timedelta(hours=1)
LOOK_BACK: Final = timedelta(days=3)
LOOK_BACK_EVERY: Final = timedelta(hours=1)
# More older hours than this wait for the next look back.
UNDECIDED_HOURS_MAX: Final = 100
_UNDECIDED: Final = (AttemptStatus.STARTED, AttemptStatus.REQUIRES_ACTION, AttemptStatus.UNKNOWN)

# Accounts whose owner is a gateway account keep it; others have too many owners.
_OF_GATEWAYS: Final = [line.code for line in CHART if line.owner == "gateway account"]

_BOOKS = """
INSERT INTO reporting_hourofbooks
       (merchant_id, livemode, hour, kind, account, gateway, currency, entries, amount)
SELECT entry.merchant_id, entry.livemode, date_trunc('hour', entry.booked_at, 'UTC'), entry.kind,
       account.code, CASE WHEN account.code = ANY(%(of_gateways)s) THEN account.owner ELSE '' END,
       posting.currency, count(DISTINCT entry.id), sum(posting.amount)
  FROM ledger_journalentry entry
  JOIN ledger_posting posting ON posting.entry_id = entry.id
  JOIN ledger_account account ON account.id = posting.account_id
 WHERE entry.id >= %(first_entry)s AND entry.id < %(last_entry)s
   AND posting.entry_id >= %(first_entry)s AND posting.entry_id < %(last_entry)s
   AND posting.layer = 'posted'
 GROUP BY 1, 2, 3, 4, 5, 6, 7
"""

_ATTEMPTS = """
INSERT INTO reporting_hourofattempts
       (merchant_id, livemode, hour, gateway, currency, status, error_class, attempts, amount)
SELECT merchant_id, livemode, date_trunc('hour', created_at, 'UTC'), gateway, currency, status,
       error_class, count(*), sum(amount)
  FROM payments_paymentattempt
 WHERE created_at >= %(since)s AND created_at < %(until)s
   AND id >= %(first_attempt)s AND id < %(last_attempt)s
 GROUP BY 1, 2, 3, 4, 5, 6, 7
"""

_EVENTS = """
INSERT INTO reporting_hourofevents (merchant_id, livemode, hour, type, events)
SELECT merchant_id, livemode, date_trunc('hour', created_at, 'UTC'), type, count(*)
  FROM outbox_event
 WHERE created_at >= %(since)s AND created_at < %(until)s
   AND id >= %(first_event)s AND id < %(last_event)s AND type = ANY(%(types)s)
 GROUP BY 1, 2, 3, 4
"""

_FORGET = "DELETE FROM {table} WHERE hour >= %(since)s AND hour < %(until)s"
_MAKE: Final = (
    ("reporting_hourofbooks", _BOOKS),
    ("reporting_hourofattempts", _ATTEMPTS),
    ("reporting_hourofevents", _EVENTS),
)
# An id is made by the process's clock, a time by the caller's: they differ by less than this.
_CLOCKS_DIFFER: Final = timedelta(minutes=5)


def roll_up(*, now: datetime) -> int:
    """
    Bring the figures up to date, and return for how many hours.

    Whoever comes while another process does it has nothing to do.
    """
    RollUp.objects.get_or_create(pk=1)
    with transaction.atomic():
        standing = RollUp.objects.select_for_update(skip_locked=True).filter(pk=1).first()
        if standing is None:
            return 0
        last = standing.looked_back_at
        looks_back = last is None or now - last >= LOOK_BACK_EVERY
        # After a pause of the sweep itself, all that it missed.
        since = min(now - RECENT, standing.rolled_at or now)
        since = min(since, now - LOOK_BACK) if looks_back else since
        hours = roll_up_hours(since=since, until=now)
        standing.rolled_at = now
        if looks_back:
            hours += _roll_up_undecided(before=_hour_of(since))
            standing.looked_back_at = now
        standing.save()
        return hours


def roll_up_hours(*, since: datetime, until: datetime) -> int:
    """Make the figures of every hour that has a part between the two, and return their number."""
    first = _hour_of(since)
    end = _hour_of(until) + timedelta(hours=1)
    params = _params(first, end)
    with transaction.atomic(), connection.cursor() as cursor:
        for table, make in _MAKE:
            cursor.execute(_FORGET.format(table=table), params)
            cursor.execute(make, params)
    return int((end - first) / timedelta(hours=1))


def _roll_up_undecided(*, before: datetime) -> int:
    """Make the figures of the latest hours anew whose attempts had no outcome yet."""
    rows = HourOfAttempts.objects.filter(status__in=_UNDECIDED, hour__lt=before)
    hours = rows.order_by("-hour").values_list("hour", flat=True).distinct()
    return sum(roll_up_hours(since=hour, until=hour) for hour in list(hours[:UNDECIDED_HOURS_MAX]))


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _params(since: datetime, until: datetime) -> dict[str, Any]:
    early, late = since - _CLOCKS_DIFFER, until + _CLOCKS_DIFFER
    return {
        "since": since,
        "until": until,
        "of_gateways": _OF_GATEWAYS,
        "types": list(COUNTED_EVENTS),
        # The ledger makes its ids of the time of booking: these bounds are exact.
        "first_entry": first_id("jrn", since),
        "last_entry": first_id("jrn", until),
        "first_attempt": first_id("att", early),
        "last_attempt": first_id("att", late),
        "first_event": first_id("evt", early),
        "last_event": first_id("evt", late),
    }
