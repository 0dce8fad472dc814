"""Create and change sellers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.common.metadata import with_metadata
from apps.common.origin import Origin, Scope
from apps.ledger import chart
from apps.ledger.models import Account
from apps.ledger.services import set_account_floor
from apps.outbox.services import EventDraft, publish
from apps.payouts.models import PayoutSchedule, Seller
from apps.payouts.objects import render_seller
from apps.payouts.policies import next_run
from apps.payouts.selectors import get_seller
from apps.payouts.states import SellerStatus


def create_seller(
    *,
    scope: Scope,
    fields: Mapping[str, Any],
    schedule: Mapping[str, Any] | None = None,
    origin: Origin,
    now: datetime,
) -> Seller:
    """
    Create a seller; `fields` are columns of `Seller`, `schedule` of `PayoutSchedule`.

    Without a schedule wallets are paid out daily. The wallet itself opens with its first money.
    """
    with transaction.atomic():
        seller = Seller(
            merchant_id=scope.merchant_id, livemode=scope.livemode, created_at=now, **fields
        )
        born = {name: getattr(seller, name) for name in Seller.BORN}
        seller.apply("account.created", born)
        seller.save(force_insert=True)
        plan = PayoutSchedule(seller=seller, **(schedule or {}))
        plan.next_run_at = next_run(plan.interval, plan.weekday, after=now)
        plan.save(force_insert=True)
        _publish(seller, plan, "account.created", born, origin=origin, now=now)
    return seller


def update_seller(
    *,
    scope: Scope,
    seller_id: str,
    fields: Mapping[str, Any],
    schedule: Mapping[str, Any] | None = None,
    origin: Origin,
    now: datetime,
) -> Seller:
    """
    Change columns of a seller and of the payout schedule.

    :raises ResourceMissing: no such seller
    """
    get_seller(scope, seller_id)
    with transaction.atomic():
        seller = Seller.objects.lock(seller_id)
        fields = with_metadata(fields, seller.metadata)
        plan = PayoutSchedule.objects.get(seller=seller)
        if schedule:
            for name, value in schedule.items():
                setattr(plan, name, value)
            plan.next_run_at = next_run(plan.interval, plan.weekday, after=now)
            plan.save()
        _update(seller, plan, fields, origin=origin, now=now)
        if "may_go_negative" in fields:
            open_floors(seller)
    return seller


def suspend_seller(*, scope: Scope, seller_id: str, origin: Origin, now: datetime) -> Seller:
    """
    Stop paying out to a seller; shares of payments still reach the wallet.

    Payouts that have not left yet wait until the seller is resumed, or somebody cancels them.

    :raises ResourceMissing: no such seller
    :raises IllegalTransition: suspended already
    """
    return _switch(scope, seller_id, SellerStatus.SUSPENDED, origin=origin, now=now)


def resume_seller(*, scope: Scope, seller_id: str, origin: Origin, now: datetime) -> Seller:
    """
    Pay out to a suspended seller again.

    :raises ResourceMissing: no such seller
    :raises IllegalTransition: not suspended
    """
    return _switch(scope, seller_id, SellerStatus.ACTIVE, origin=origin, now=now)


def _switch(
    scope: Scope, seller_id: str, status: SellerStatus, *, origin: Origin, now: datetime
) -> Seller:
    get_seller(scope, seller_id)
    with transaction.atomic():
        seller = Seller.objects.lock(seller_id)
        plan = PayoutSchedule.objects.get(seller=seller)
        _update(seller, plan, {"status": status.value}, origin=origin, now=now)
    return seller


def open_floors(seller: Seller) -> None:
    """Let the seller's wallets go as low as the seller may, in the books themselves."""
    floor = None if seller.may_go_negative else 0
    wallets = Account.objects.filter(
        merchant_id=seller.merchant_id,
        livemode=seller.livemode,
        code=chart.SELLER_PAYABLE,
        owner=seller.id,
    )
    for account in wallets:
        if account.floor != floor:
            set_account_floor(account_id=account.id, floor=floor)


def _update(
    seller: Seller,
    plan: PayoutSchedule,
    changes: Mapping[str, Any],
    *,
    origin: Origin,
    now: datetime,
) -> None:
    seller.apply("account.updated", dict(changes))
    seller.save(update_fields=[*changes, "version"])
    _publish(seller, plan, "account.updated", changes, origin=origin, now=now)


def _publish(
    seller: Seller,
    plan: PayoutSchedule,
    type_: str,
    data: Mapping[str, Any],
    *,
    origin: Origin,
    now: datetime,
) -> None:
    shown = render_seller(seller, plan)
    publish(
        EventDraft.about(
            seller, type_, shown, sequence=seller.version, origin=origin, now=now, data=dict(data)
        )
    )
