"""Transfers that are paid from one charge: only here the charge and the sellers' money meet."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from apps.common.errors import ResourceMissing
from apps.common.origin import Origin, Scope
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.payments.selectors import as_attempt_id
from apps.payouts.errors import TransferCurrencyMismatch, TransferExceedsSource
from apps.payouts.models import Transfer
from apps.payouts.services.transfers import create_transfer


def transfer_from_charge(
    *,
    scope: Scope,
    charge_id: str,
    seller_id: str,
    amount: int,
    currency: str,
    transfer_group: str = "",
    description: str = "",
    metadata: Mapping[str, str] | None = None,
    origin: Origin,
    now: datetime,
) -> Transfer:
    """
    Give a seller part of one captured charge; all transfers from it stay within what is left.

    :raises ResourceMissing: no such charge or seller
    :raises TransferCurrencyMismatch: the charge is in another currency
    :raises TransferExceedsSource: more than is left of the charge, or nothing was captured
    """
    attempt = PaymentAttempt.objects.filter(
        pk=as_attempt_id(charge_id),
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
    ).first()
    if attempt is None:
        raise ResourceMissing(resource="charge", id=charge_id, param="source_transaction")
    if attempt.currency != currency:
        raise TransferCurrencyMismatch(
            charged=attempt.currency.lower(), requested=currency.lower(), param="currency"
        )
    if not attempt.kept:
        raise TransferExceedsSource(requested=amount, left=0, param="amount")
    with transaction.atomic():
        # The payment's lock: neither a refund nor another transfer may come in between.
        intent = PaymentIntent.objects.lock(attempt.intent_id)
        left = intent.amount_received - intent.amount_refunded - intent.amount_refund_pending
        return create_transfer(
            scope=scope,
            seller_id=seller_id,
            amount=amount,
            currency=currency,
            source_transaction=charge_id,
            source_amount=left,
            transfer_group=transfer_group or intent.transfer_group,
            description=description,
            metadata=metadata,
            origin=origin,
            now=now,
        )
