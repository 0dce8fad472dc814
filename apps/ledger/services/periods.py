"""Closing the books up to a day."""

from datetime import UTC, date, datetime

from django.db import connection, transaction

from apps.common.origin import Origin, Scope
from apps.ledger.errors import PeriodClosed
from apps.ledger.models import PeriodClose


def close_period(*, scope: Scope, through: date, origin: Origin, now: datetime) -> PeriodClose:
    """
    Close a merchant's books up to and including `through`; closing it twice changes nothing.

    Entries that come later for a closed day count for the first open day, and keep the day that
    was asked for in `value_on_requested`.

    :raises PeriodClosed: a later day is closed already, or `through` has not ended
    Source: AC-58
    """
    if through >= now.astimezone(UTC).date():
        raise PeriodClosed(f"{through} has not ended yet.", through=through)
    closes = PeriodClose.objects.filter(merchant_id=scope.merchant_id, livemode=scope.livemode)
    with transaction.atomic():
        # Every writer claims the entry's key before it reads the closed day: this waits for the
        # writers under way, and those who come after read what is decided here.
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE ledger_entrykey IN SHARE ROW EXCLUSIVE MODE")
        standing = closes.order_by("-closed_through").first()
        if standing and standing.closed_through == through:
            return standing
        if standing and standing.closed_through > through:
            raise PeriodClosed(through=through, closed_through=standing.closed_through)
        return PeriodClose.objects.create(
            merchant_id=scope.merchant_id,
            livemode=scope.livemode,
            closed_through=through,
            closed_at=now,
            actor=origin.actor,
        )
