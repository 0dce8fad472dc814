"""What staff give back alone is counted under a lock: races and slices do not pass a limit."""

from datetime import datetime
from typing import Final

from django.db import connection, transaction

from apps.backoffice.policies import UNITS_PER_MAJOR, RefundLimits, allowance_units

# One statement: it takes the row's lock, so that two who race add up one after the other, and it
# changes nothing when the sum would pass the limit.
_SPEND: Final = """
INSERT INTO backoffice_allowance AS kept (actor, span, spent, most)
SELECT %(actor)s, %(span)s, %(units)s::bigint, %(most)s::bigint
 WHERE %(units)s::bigint <= %(most)s::bigint
ON CONFLICT (actor, span) DO UPDATE SET spent = kept.spent + excluded.spent, most = excluded.most
 WHERE kept.spent + excluded.spent <= excluded.most
"""


class _Passed(Exception):
    """One of the sums would pass its limit: take both back."""


def spend_refund_allowance(
    *,
    actor: str,
    intent_id: str,
    amount: int,
    currency: str,
    limits: RefundLimits,
    now: datetime,
) -> bool:
    """
    Count a refund of `amount` minor units against what `actor` gives back alone.

    Part of the caller's transaction, which holds the day's row until it ends. Returns False, and
    counts nothing, when the refund needs a second person. A refund that fails later stays counted:
    a limit errs on the side of asking.
    """
    units = allowance_units(amount, currency)
    # The day first, always: two transactions that took these locks in turn would wait for ever.
    spans = ((f"{now:%Y-%m-%d}", limits.daily), (intent_id, limits.each))
    try:
        with transaction.atomic():
            for span, major in spans:
                _spend(actor, span, units, major * UNITS_PER_MAJOR)
    except _Passed:
        return False
    return True


def _spend(actor: str, span: str, units: int, most: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SPEND, {"actor": actor, "span": span, "units": units, "most": most})
        if cursor.rowcount == 0:
            raise _Passed
