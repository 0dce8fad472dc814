"""
Test clocks: time that a developer moves, for the customers who hang on it.

Advancing walks from one thing that is due to the next, in order, and does at each what the
dispatcher would have done then; `frozen_time` moves along, so that whatever asks for the time on
the way gets the right one.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, partial

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Min
from django.utils.module_loading import import_string

from apps.common.errors import DomainError
from apps.common.ids import new_id
from apps.common.origin import CLOCK, Origin, Scope
from apps.subscriptions.errors import ClockInvalid, ClockLive, ClockRunning
from apps.subscriptions.models import Invoice, Subscription, TestClock
from apps.subscriptions.objects import render_clock
from apps.subscriptions.selectors import Times, get_row
from apps.subscriptions.services.collection import collect_invoice
from apps.subscriptions.services.dunning import pass_slots
from apps.subscriptions.services.duties import bill_due
from apps.subscriptions.services.subscriptions import cancel_subscription, expire_incomplete
from apps.subscriptions.services.unit import Unit
from apps.subscriptions.services.upcoming import announce_upcoming, next_notice
from apps.subscriptions.states import ENDED, ClockStatus

logger = logging.getLogger(__name__)

# Of one clock, by its id and the real time: when something is due on it, and doing it.
NextDue = Callable[[str, datetime], datetime | None]
DoDue = Callable[[str, datetime], None]

# Stripe allows two of the longest periods at a time; we allow a few years.
MAX_ADVANCE = timedelta(days=5 * 366)
LEASE = timedelta(seconds=60)
# Points in time per call; a sweep comes back for the rest.
STEPS_PER_RUN = 200

_CLAIM = """
UPDATE subscriptions_testclock SET leased_until = %s
WHERE id = (
    SELECT id FROM subscriptions_testclock
    WHERE status = 'advancing' AND (leased_until IS NULL OR leased_until < %s)
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


def create_clock(
    *, scope: Scope, name: str, frozen_time: datetime, origin: Origin, now: datetime
) -> TestClock:
    """
    Make a clock that stands at `frozen_time`.

    :raises ClockLive: in live mode time runs by itself
    """
    if scope.livemode:
        raise ClockLive
    with transaction.atomic():
        unit = Unit(origin=origin, times=Times(now, now))
        clock = TestClock(
            id=new_id("clock"),
            merchant_id=scope.merchant_id,
            livemode=False,
            created_at=now,
            name=name,
            frozen_time=frozen_time,
        )
        unit.create(clock, "test_helpers.test_clock.created", partial(render_clock, clock))
        unit.write()
    return clock


def advance_clock(
    *, scope: Scope, clock_id: str, frozen_time: datetime, origin: Origin, now: datetime
) -> TestClock:
    """
    Set the clock out for a later time; `run_clocks` then does what is due until there.

    :raises ClockInvalid: not later than the clock, or too far away
    :raises ClockRunning: it is on its way already
    """
    get_row(TestClock, scope, clock_id)
    with transaction.atomic():
        clock = TestClock.objects.select_for_update().get(pk=clock_id)
        if clock.status == ClockStatus.ADVANCING:
            raise ClockRunning(clock=clock_id)
        if not clock.frozen_time < frozen_time <= clock.frozen_time + MAX_ADVANCE:
            raise ClockInvalid(
                f"frozen_time must be later than {int(clock.frozen_time.timestamp())}"
                f" by at most {MAX_ADVANCE.days} days.",
                param="frozen_time",
            )
        unit = Unit(origin=origin, times=Times(now, now))
        clock.advance(target=frozen_time)
        unit.record(clock, "test_helpers.test_clock.advancing", partial(render_clock, clock))
        unit.write()
    return clock


def delete_clock(*, scope: Scope, clock_id: str, origin: Origin, now: datetime) -> TestClock:
    """
    Take the clock away and end the subscriptions that hang on it: their time stands still.

    :raises ResourceMissing: no such clock
    """
    get_row(TestClock, scope, clock_id)
    alive = Subscription.objects.filter(test_clock_id=clock_id).exclude(status__in=ENDED)
    for subscription_id in list(alive.values_list("pk", flat=True)):
        cancel_subscription(scope=scope, subscription_id=subscription_id, origin=origin, now=now)
    with transaction.atomic():
        clock = TestClock.objects.select_for_update().get(pk=clock_id)
        unit = Unit(origin=origin, times=Times(now, now))
        clock.deleted_at = now
        unit.record(clock, "test_helpers.test_clock.deleted", partial(render_clock, clock))
        unit.write()
    return clock


def run_clocks(*, now: datetime) -> int:
    """Walk on with one clock that is on its way; return how many points in time were done."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [now + LEASE, now])
        claimed = cursor.fetchone()
    if claimed is None:
        return 0
    try:
        return _walk(claimed[0], now)
    except Exception:
        logger.exception("test clock %s broke", claimed[0])
        _finish(claimed[0], now, has_failed=True)
        return 1


def _walk(clock_id: str, wall: datetime) -> int:
    clock = TestClock.objects.get(pk=clock_id)
    for step in range(STEPS_PER_RUN):
        due = _next_due(clock, wall)
        if clock.target_time is None or due is None or due > clock.target_time:
            _finish(clock_id, wall, has_failed=False)
            return step + 1
        times = Times(max(due, clock.frozen_time), wall)
        TestClock.objects.filter(pk=clock_id).update(frozen_time=times.now)
        clock.frozen_time = times.now
        _do_due(clock_id, times)
    TestClock.objects.filter(pk=clock_id).update(leased_until=None)
    return STEPS_PER_RUN


def _next_due(clock: TestClock, wall: datetime) -> datetime | None:
    """Return the earliest time at which something of this clock falls due."""
    of_subscriptions = Subscription.objects.filter(test_clock_id=clock.id, due_at__isnull=False)
    of_invoices = Invoice.objects.filter(test_clock_id=clock.id, next_payment_attempt__isnull=False)
    candidates = [
        of_subscriptions.aggregate(at=Min("due_at"))["at"],
        of_invoices.aggregate(at=Min("next_payment_attempt"))["at"],
        next_notice(clock.id, clock.frozen_time),
        *(next_due(clock.id, wall) for next_due, _ in _followers()),
    ]
    return min((at for at in candidates if at is not None), default=None)


def _do_due(clock_id: str, times: Times) -> None:
    """Do what is due now: dunning before billing, and each charge before time moves on."""
    for _, do_due in _followers():
        do_due(clock_id, times.wall)
    pass_slots(times, test_clock_id=clock_id, is_inline=True)
    _collect(clock_id, times)
    announce_upcoming(times, test_clock_id=clock_id)
    _, expiring = bill_due(times, test_clock_id=clock_id, is_inline=True)
    for subscription_id in expiring:
        try:
            expire_incomplete(subscription_id=subscription_id, origin=CLOCK, now=times.wall)
        except DomainError as refusal:
            logger.warning("%s is not given up yet: %s", subscription_id, refusal)
    _collect(clock_id, times)


@cache
def _followers() -> list[tuple[NextDue, DoDue]]:
    """Return who else lives by test clocks, beside billing or above it."""
    return [
        (import_string(next_due), import_string(do_due))
        for next_due, do_due in settings.TEST_CLOCK_FOLLOWERS
    ]


def _collect(clock_id: str, times: Times) -> None:
    queued = Invoice.objects.filter(test_clock_id=clock_id, collect_at__isnull=False)
    for invoice_id in list(queued.order_by("pk").values_list("pk", flat=True)):
        collect_invoice(invoice_id=invoice_id, origin=CLOCK, now=times.wall)


def _finish(clock_id: str, wall: datetime, *, has_failed: bool) -> None:
    with transaction.atomic():
        clock = TestClock.objects.select_for_update().get(pk=clock_id)
        if clock.status != ClockStatus.ADVANCING or clock.target_time is None:
            return
        unit = Unit(origin=CLOCK, times=Times(wall, wall))
        if has_failed:
            clock.fail()
        else:
            clock.frozen_time = max(clock.frozen_time, clock.target_time)
            clock.arrive()
        name = "internal_failure" if has_failed else "ready"
        unit.record(clock, f"test_helpers.test_clock.{name}", partial(render_clock, clock))
        unit.write()
