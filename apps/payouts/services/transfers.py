"""Transfers by somebody's wish, and taking them back."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import F, Sum

from apps.common.ids import new_id
from apps.common.metadata import merge_metadata
from apps.common.origin import Origin, Scope
from apps.ledger import chart
from apps.ledger.recipes import Fact, transfer_reversed, transferred
from apps.ledger.selectors import balance_of
from apps.ledger.services import post_entries, post_entry
from apps.payouts.errors import (
    ReversalExceedsTransfer,
    TransferExceedsSource,
    WalletTooEmpty,
)
from apps.payouts.models import Transfer, TransferReversal
from apps.payouts.selectors import get_seller, get_transfer
from apps.payouts.services.sellers import open_floors
from apps.payouts.services.shares import fact_of, happen, hold_reserve, plan_reserve


def create_transfer(
    *,
    scope: Scope,
    seller_id: str,
    amount: int,
    currency: str,
    source_transaction: str = "",
    source_amount: int | None = None,
    transfer_group: str = "",
    description: str = "",
    metadata: Mapping[str, str] | None = None,
    origin: Origin,
    now: datetime,
) -> Transfer:
    """
    Give a seller part of what the platform sold; it is in the wallet at once, less the reserve.

    `amount` is minor units of upper-case `currency`. With `source_transaction`, a charge of which
    `source_amount` was captured, all transfers from it stay within that amount; the caller holds
    the lock of that payment.

    :raises ResourceMissing: no such seller
    :raises TransferExceedsSource: more than is left of the charge
    Source: docs/ledger.md
    """
    seller = get_seller(scope, seller_id, param="destination")
    with transaction.atomic():
        if source_transaction and source_amount is not None:
            _check_source(source_transaction, source_amount, amount)
        reserve, due_at = plan_reserve(seller, amount, now=now)
        transfer = Transfer(
            id=new_id("tr"),
            merchant_id=scope.merchant_id,
            livemode=scope.livemode,
            seller=seller,
            amount=amount,
            currency=currency,
            reserve_amount=reserve,
            source_transaction=source_transaction,
            transfer_group=transfer_group,
            description=description,
            metadata=dict(metadata or {}),
            due_at=due_at,
            created_at=now,
        )
        happen(transfer, "transfer.created", transfer.born(), origin=origin, now=now)
        moved = transferred(fact_of(transfer, amount, now=now), seller_id=seller.id)
        post_entries([moved, *hold_reserve(transfer, now=now)])
    return transfer


def _check_source(charge_id: str, captured: int, amount: int) -> None:
    moved = Transfer.objects.filter(source_transaction=charge_id).aggregate(
        total=Sum(F("amount") + F("fee_amount") - F("amount_reversed") - F("fee_returned"))
    )["total"]
    left = captured - (moved or 0)
    if amount > left:
        raise TransferExceedsSource(requested=amount, left=max(left, 0), param="amount")


def reverse_transfer(
    *,
    scope: Scope,
    transfer_id: str,
    amount: int | None = None,
    description: str = "",
    metadata: Mapping[str, str] | None = None,
    origin: Origin,
    now: datetime,
) -> TransferReversal:
    """
    Take a transfer back, in whole or `amount` minor units of it.

    :raises ResourceMissing: no such transfer
    :raises ReversalExceedsTransfer: more than is left of it
    :raises WalletTooEmpty: the seller has not that much, and may not go below zero
    """
    get_transfer(scope, transfer_id)
    with transaction.atomic():
        # The lock makes two who take the same transfer back take turns.
        transfer = Transfer.objects.lock(transfer_id)
        wanted = transfer.amount_reversible if amount is None else amount
        if not 0 < wanted <= transfer.amount_reversible:
            raise ReversalExceedsTransfer(
                requested=wanted, reversible=transfer.amount_reversible, param="amount"
            )
        _check_wallet(transfer, wanted)
        reversal = TransferReversal.objects.create(
            transfer=transfer,
            merchant_id=transfer.merchant_id,
            livemode=transfer.livemode,
            amount=wanted,
            description=description,
            metadata=dict(metadata or {}),
            created_at=now,
        )
        happen(transfer, "transfer.reversed", {"amount": wanted}, origin=origin, now=now)
        post_entry(
            transfer_reversed(
                Fact(
                    scope=scope,
                    id=reversal.id,
                    amount=wanted,
                    currency=transfer.currency,
                    at=now,
                ),
                seller_id=transfer.seller_id,
            )
        )
    return reversal


def _check_wallet(transfer: Transfer, wanted: int) -> None:
    """Refuse with numbers what the books would refuse; let them go lower where the seller may."""
    seller = transfer.seller
    if seller.may_go_negative:
        open_floors(seller)
        return
    wallet = balance_of(
        scope=transfer.scope,
        code=chart.SELLER_PAYABLE,
        currency=transfer.currency,
        owner=seller.id,
    )
    if wanted > wallet.available:
        raise WalletTooEmpty(requested=wanted, available=max(wallet.available, 0), param="amount")


def update_transfer(
    *,
    scope: Scope,
    transfer_id: str,
    metadata: Mapping[str, str] | None,
    origin: Origin,
    now: datetime,
) -> Transfer:
    """
    Change a transfer's metadata, key by key; None unsets all.

    :raises ResourceMissing: no such transfer
    """
    get_transfer(scope, transfer_id)
    with transaction.atomic():
        transfer = Transfer.objects.lock(transfer_id)
        changed = {"metadata": merge_metadata(transfer.metadata, metadata)}
        happen(transfer, "transfer.updated", changed, origin=origin, now=now)
    return transfer
