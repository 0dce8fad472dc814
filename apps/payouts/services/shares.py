"""
Sellers' shares of payments: made by the capture, available later, taken back by refunds.

The ledger entries of capture and refund belong to the payment; here is the row beside them, which
says whose share it was and what is left of it.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from apps.common.errors import DomainError
from apps.common.ids import new_id
from apps.common.origin import CLOCK, Origin, Scope
from apps.ledger.drafts import EntryDraft
from apps.ledger.recipes import Fact, Share, reserve_held, reserve_released, share_available
from apps.ledger.services import post_entries
from apps.outbox.services import EventDraft, publish
from apps.payouts.models import Seller, Transfer, TransferReversal
from apps.payouts.objects import render_transfer
from apps.payouts.policies import Split, part_of, split_payment, split_refund
from apps.payouts.selectors import find_share
from apps.payouts.states import TransferStatus

logger = logging.getLogger(__name__)

# How many shares one sweep takes up; several sweepers share a backlog by SKIP LOCKED.
BATCH = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What a refund or lost dispute takes from the seller and from the platform's fee."""

    shares: tuple[Share, ...] = ()
    fee: int = 0


def draft_share(
    *,
    scope: Scope,
    seller_id: str,
    charge_id: str,
    captured: int,
    fee: int,
    currency: str,
    transfer_group: str,
    now: datetime,
) -> tuple[Transfer | None, Split]:
    """
    Return the seller's share of `captured` as an unsaved row, and how the money divides.

    No I/O: the payment's own step writes the row together with the capture, and the sweep learns
    from the seller how long it has to wait. There is no row when the fee takes all of it.
    """
    split = split_payment(captured, fee=fee)
    if not split.share:
        return None, split
    share = Transfer(
        id=new_id("tr"),
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        seller_id=seller_id,
        amount=split.share,
        fee_amount=split.fee,
        currency=currency,
        from_capture=True,
        source_transaction=charge_id,
        transfer_group=transfer_group,
        due_at=now,
        created_at=now,
    )
    share.apply("transfer.created", share.born())
    return share, split


def take_back_share(
    *,
    charge_id: str,
    source: str,
    amount: int,
    payment_left: int,
    origin: Origin,
    now: datetime,
) -> Taken:
    """
    Divide what goes back to a payer among those who got it, and count it on the seller's share.

    `amount` of the `payment_left` (captured less what went back before) goes back because of
    `source`, a refund or lost dispute; hearing of the same source twice changes nothing. The
    caller holds the payment's lock and books what this returns in the same transaction.
    Source: AC-49d, docs/adr/0016-who-bears-a-refund-of-a-split-payment.md
    """
    share = find_share(charge_id)
    if share is None:
        return Taken()
    share = Transfer.objects.lock(share.id)
    earlier = TransferReversal.objects.filter(source=source).first()
    if earlier is not None:
        return _taken(share, earlier)
    left = share.left_of(payment_left, returns_fee=settings.REFUND_RETURNS_PLATFORM_FEE)
    part = split_refund(amount, left=left)
    if not part.share and not part.fee:
        return Taken()
    reversal = TransferReversal.objects.create(
        transfer=share,
        merchant_id=share.merchant_id,
        livemode=share.livemode,
        amount=part.share,
        fee_amount=part.fee,
        source=source,
        created_at=now,
    )
    taken = {"amount": part.share, "fee": part.fee}
    happen(share, "transfer.reversed", taken, origin=origin, now=now)
    return _taken(share, reversal)


def give_share_again(*, source: str, origin: Origin, now: datetime) -> Taken:
    """
    Undo `take_back_share`: the refund failed after it was booked, or the dispute was won.

    Returns what was taken then, for the caller to book the other way round.
    """
    reversal = TransferReversal.objects.filter(source=source).first()
    if reversal is None:
        return Taken()
    share = Transfer.objects.lock(reversal.transfer_id)
    reversal.refresh_from_db()
    if reversal.undone_at is None:
        reversal.undone_at = now
        reversal.save(update_fields=["undone_at"])
        given = {"amount": reversal.amount, "fee": reversal.fee_amount}
        happen(share, "transfer.updated", given, origin=origin, now=now)
    return _taken(share, reversal)


def _taken(share: Transfer, reversal: TransferReversal) -> Taken:
    shares = (Share(share.seller_id, reversal.amount),) if reversal.amount else ()
    return Taken(shares=shares, fee=reversal.fee_amount)


def release_shares(*, now: datetime) -> int:
    """
    Make due shares available, and give due reserves back; return how many were looked at.

    Several sweepers may run at once: each takes rows which the others have not locked.
    """
    due = Transfer.objects.filter(due_at__lte=now).order_by("due_at")
    ids = list(due.values_list("id", flat=True)[:BATCH])
    for transfer_id in ids:
        try:
            _release(transfer_id, now=now)
        except DomainError as refusal:
            logger.warning("%s is not released: %s", transfer_id, refusal)
    return len(ids)


def _release(transfer_id: str, *, now: datetime) -> None:
    with transaction.atomic():
        free = Transfer.objects.select_for_update(skip_locked=True, of=("self",))
        share = free.filter(pk=transfer_id, due_at__lte=now).select_related("seller").first()
        if share is None:
            return
        if share.status != TransferStatus.PENDING:
            entries = _release_reserve(share, now=now)
            share.save(update_fields=["due_at"])
        elif now < share.available_at:
            entries = []
            share.due_at = share.available_at
            share.save(update_fields=["due_at"])
        else:
            entries = _become_available(share, now=now)
        post_entries(entries)


def _become_available(share: Transfer, *, now: datetime) -> list[EntryDraft]:
    reserve, share.due_at = plan_reserve(share.seller, share.amount, now=now)
    happen(share, "transfer.updated", {"reserve": reserve}, origin=CLOCK, now=now)
    entries = [
        share_available(
            fact_of(share, share.amount, now=now),
            seller_id=share.seller_id,
            source_type="transfer",
        )
    ]
    return [*entries, *hold_reserve(share, now=now)]


def _release_reserve(share: Transfer, *, now: datetime) -> list[EntryDraft]:
    share.due_at = None
    if not share.reserve_amount:
        return []
    fact = fact_of(share, share.reserve_amount, now=now)
    return [reserve_released(fact, seller_id=share.seller_id, source_type="transfer")]


def plan_reserve(seller: Seller, amount: int, *, now: datetime) -> tuple[int, datetime | None]:
    """Return what of `amount` is held back, and until when."""
    reserve = part_of(amount, basis_points=seller.reserve_basis_points)
    return reserve, now + timedelta(days=seller.reserve_days) if reserve else None


def hold_reserve(transfer: Transfer, *, now: datetime) -> list[EntryDraft]:
    """Return the entry which holds the transfer's reserve back, if it has one."""
    if not transfer.reserve_amount:
        return []
    fact = fact_of(transfer, transfer.reserve_amount, now=now)
    return [reserve_held(fact, seller_id=transfer.seller_id, source_type="transfer")]


def fact_of(transfer: Transfer, amount: int, *, now: datetime) -> Fact:
    """Return a movement of a transfer's money as the ledger's recipes take it."""
    return Fact(
        scope=transfer.scope,
        id=transfer.id,
        amount=amount,
        currency=transfer.currency,
        at=now,
    )


def happen(
    transfer: Transfer, type_: str, data: dict[str, Any], *, origin: Origin, now: datetime
) -> None:
    """Let the fact happen: move the transfer, save it, and keep the event."""
    transfer.apply(type_, data)
    transfer.save()
    publish(
        EventDraft.about(
            transfer,
            type_,
            show_transfer(transfer),
            sequence=transfer.version,
            origin=origin,
            now=now,
            data=data,
        )
    )


def show_transfer(transfer: Transfer) -> dict[str, Any]:
    """Return the transfer with its reversals, as the API and events show it."""
    reversals = transfer.reversals.order_by("-id")
    return render_transfer(transfer, list(reversals))
