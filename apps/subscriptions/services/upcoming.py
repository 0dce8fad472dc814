"""
Tell of the next invoice some days before it is made (`invoice.upcoming`).

Nothing of it is stored but the event: what it will say may still change. The event's object is the
preview that `/v1/invoices/create_preview` gives, so both show the same sums.
"""

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from apps.common.origin import CLOCK
from apps.outbox.services import EventDraft, publish
from apps.subscriptions.models import Subscription, UpcomingNotice
from apps.subscriptions.policies.agenda import UPCOMING_NOTICE
from apps.subscriptions.selectors import Contract, Times, load_contracts
from apps.subscriptions.services.changes import ContractChange, plan_change, preview_plan

# Subscriptions per transaction.
BATCH = 500

# Those whose period ends soon and who were not told of it. A period that is shorter than the notice
# is not told of: its invoice is always near. The newest of the window come first, because those
# before them were told when they entered it.
_SOON = """
  FROM subscriptions_subscription subscription
 WHERE test_clock_id = %(clock)s AND status IN ('active', 'past_due')
   AND NOT cancel_at_period_end AND parked_reason = ''
   AND (cancel_at IS NULL OR cancel_at >= current_period_end)
   AND current_period_end - current_period_start > %(notice)s
   AND NOT EXISTS (SELECT FROM subscriptions_upcomingnotice notice
                    WHERE notice.subscription_id = subscription.id
                      AND notice.period_end = subscription.current_period_end)
"""
_LOCK = f"""
SELECT id {_SOON}
   AND current_period_end > %(now)s AND current_period_end <= %(until)s
 ORDER BY current_period_end DESC LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""
_NEXT = f"SELECT min(current_period_end) {_SOON} AND current_period_end > %(now)s"


def announce_invoices(*, now: datetime) -> int:
    """Tell those who live in real time; return how many were told."""
    return announce_upcoming(Times(now, now))


def announce_upcoming(times: Times, *, test_clock_id: str = "") -> int:
    """Tell of a batch of the invoices that come soon on this clock; each period is told of once."""
    with transaction.atomic():
        rows = _lock(times, test_clock_id)
        UpcomingNotice.objects.bulk_create(
            [UpcomingNotice(subscription=row, period_end=row.current_period_end) for row in rows],
            update_conflicts=True,
            unique_fields=["subscription"],
            update_fields=["period_end"],
        )
        # Only now: a preview moves its subscription on in memory.
        publish(*(_draft(contract, times) for contract in load_contracts(rows)))
    return len(rows)


def _lock(times: Times, test_clock_id: str) -> list[Subscription]:
    facts: dict[str, Any] = {
        "clock": test_clock_id,
        "notice": UPCOMING_NOTICE,
        "now": times.now,
        "until": times.now + UPCOMING_NOTICE,
        "limit": BATCH,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, facts)
        ids = [row[0] for row in cursor.fetchall()]
    rows = Subscription.objects.select_related("customer").in_bulk(ids)
    return [rows[subscription_id] for subscription_id in ids]


def _draft(contract: Contract, times: Times) -> EventDraft:
    subscription = contract.subscription
    bill = preview_plan(plan_change(contract, ContractChange(), times), times)
    upcoming_id = f"upcoming_{bill.invoice.id}"
    return EventDraft(
        merchant_id=subscription.merchant_id,
        livemode=subscription.livemode,
        type="invoice.upcoming",
        object_id=upcoming_id,
        sequence=1,
        object={**bill.show(), "id": upcoming_id},
        actor=CLOCK.actor,
        created_at=times.now,
    )


def next_notice(clock_id: str, now: datetime) -> datetime | None:
    """Return when somebody on this test clock is to be told next."""
    with connection.cursor() as cursor:
        facts: dict[str, Any] = {"clock": clock_id, "notice": UPCOMING_NOTICE, "now": now}
        cursor.execute(_NEXT, facts)
        (period_end,) = cursor.fetchone()
    return None if period_end is None else period_end - UPCOMING_NOTICE
