"""Pay wallets out by the clock."""

import logging
from datetime import datetime

from django.db import transaction

from apps.common.errors import DomainError
from apps.common.origin import CLOCK
from apps.payouts.models import Payout, PayoutSchedule, Seller
from apps.payouts.policies import next_run, payout_step
from apps.payouts.selectors import list_wallets
from apps.payouts.services.payouts import PayoutWish, available_of, create_payout, minimum_of
from apps.payouts.states import SellerStatus

logger = logging.getLogger(__name__)

# How many sellers one sweep pays out; several sweepers share a backlog by SKIP LOCKED.
BATCH = 100


def run_schedules(*, now: datetime) -> int:
    """Pay out the wallets of the sellers whose day has come; return how many were looked at."""
    due = PayoutSchedule.objects.filter(next_run_at__lte=now).order_by("next_run_at")
    seller_ids = list(due.values_list("seller_id", flat=True)[:BATCH])
    for seller_id in seller_ids:
        _run_schedule(seller_id, now=now)
    return len(seller_ids)


def _run_schedule(seller_id: str, *, now: datetime) -> None:
    with transaction.atomic():
        free = PayoutSchedule.objects.select_for_update(skip_locked=True, of=("self",))
        schedule = free.filter(pk=seller_id, next_run_at__lte=now).select_related("seller").first()
        if schedule is None:
            return
        schedule.next_run_at = next_run(schedule.interval, schedule.weekday, after=now)
        schedule.save(update_fields=["next_run_at"])
        if schedule.seller.status == SellerStatus.ACTIVE and schedule.seller.payout_destination:
            for currency in list_wallets(schedule.seller):
                _pay_out(schedule.seller, currency, now=now)


def _pay_out(seller: Seller, currency: str, *, now: datetime) -> Payout | None:
    """Pay out all that is available in one currency, down to whole units of its step."""
    available = available_of(seller, currency)
    amount = available - available % payout_step(currency)
    if amount < minimum_of(seller, currency) or amount <= 0:
        return None
    wish = PayoutWish(amount=amount, currency=currency, automatic=True)
    try:
        with transaction.atomic():
            return create_payout(
                scope=seller.scope, seller_id=seller.id, wish=wish, origin=CLOCK, now=now
            )
    except DomainError as refusal:
        logger.warning("no payout of %s %s: %s", seller.id, currency, refusal)
        return None
