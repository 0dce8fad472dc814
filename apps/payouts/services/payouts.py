"""Payouts: hold the money, send it, record what became of it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from apps.backoffice.services import request_approval
from apps.common.ids import new_id
from apps.common.metadata import merge_metadata
from apps.common.origin import CLOCK, Origin, Scope
from apps.common.transactions import release_connection
from apps.gateways.base import PayoutRequest, PayoutResult, PayoutState
from apps.gateways.calls import call_gateway, running_clock
from apps.gateways.errors import GatewayError, GatewayNeverReceived, GatewayRejected
from apps.gateways.registry import gateway_names, get_gateway
from apps.ledger import chart, recipes
from apps.ledger.drafts import EntryDraft
from apps.ledger.recipes import Fact
from apps.ledger.selectors import balance_of
from apps.ledger.services import post_entries, post_entry
from apps.outbox.services import EventDraft, publish
from apps.payouts.errors import (
    PayoutAmountUneven,
    PayoutBelowMinimum,
    PayoutNotCancelable,
    SellerSuspended,
    SellerWithoutDestination,
    WalletTooEmpty,
)
from apps.payouts.models import Payout, Seller
from apps.payouts.objects import render_payout
from apps.payouts.policies import (
    KEY_LIFETIME,
    LEASE,
    needs_second_person,
    next_check,
    payout_step,
)
from apps.payouts.selectors import get_payout, get_seller
from apps.payouts.states import PayoutStatus, SellerStatus

logger = logging.getLogger(__name__)

PayoutOutcome = PayoutResult | GatewayError
P = PayoutStatus

# The kind under which a payout waits for a second person, in config/approvals.py.
APPROVAL_KIND = "payout"

# How many payouts one sweep sends or asks about.
BATCH = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class PayoutWish:
    """What a payout is asked for with; `amount` is minor units of upper-case `currency`."""

    amount: int
    currency: str
    description: str = ""
    statement_descriptor: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    automatic: bool = False


def create_payout(
    *, scope: Scope, seller_id: str, wish: PayoutWish, origin: Origin, now: datetime
) -> Payout:
    """
    Hold part of a seller's wallet for a payout; a sweeper then sends it to the gateway.

    It leaves after PAYOUT_CANCEL_WINDOW_SECONDS, until when it can be canceled; above
    PAYOUT_APPROVAL_LIMIT it waits for a second person first.

    :raises ResourceMissing: no such seller
    :raises SellerSuspended: nothing is paid out to this seller
    :raises SellerWithoutDestination: the seller has no bank account
    :raises PayoutBelowMinimum: less than the seller's schedule allows
    :raises PayoutAmountUneven: the currency is paid out in larger units only
    :raises WalletTooEmpty: more than is available
    Source: docs/adr/0015-payouts-are-held-before-they-are-sent.md
    """
    get_seller(scope, seller_id, param="destination")
    with transaction.atomic():
        # The lock makes two payouts of one wallet take turns.
        seller = Seller.objects.lock(seller_id)
        _check_payable(seller, wish)
        payout = _new_payout(seller, wish, origin=origin, now=now)
        payout.save(force_insert=True)
        _publish(payout, "payout.created", _born(payout), origin=origin, now=now)
        if payout.needs_approval:
            request_approval(
                scope=scope,
                kind=APPROVAL_KIND,
                subject_id=payout.id,
                amount=payout.amount,
                currency=payout.currency,
                reason=payout.description,
                origin=origin,
                now=now,
            )
        post_entry(recipes.payout_held(_fact(payout, now=now), seller_id=seller.id))
    return payout


def _check_payable(seller: Seller, wish: PayoutWish) -> None:
    if seller.status != SellerStatus.ACTIVE:
        raise SellerSuspended(seller=seller.id)
    if not seller.payout_destination:
        raise SellerWithoutDestination(seller=seller.id, param="destination")
    step = payout_step(wish.currency)
    if wish.amount % step:
        raise PayoutAmountUneven(
            requested=wish.amount, step=step, currency=wish.currency, param="amount"
        )
    minimum = minimum_of(seller, wish.currency)
    if wish.amount < minimum:
        raise PayoutBelowMinimum(requested=wish.amount, minimum=minimum, param="amount")
    available = available_of(seller, wish.currency)
    if wish.amount > available:
        raise WalletTooEmpty(requested=wish.amount, available=max(available, 0), param="amount")


def minimum_of(seller: Seller, currency: str) -> int:
    """Return the smallest payout; the schedule's minimum is one of the default currency."""
    return seller.schedule.minimum_amount if currency == seller.default_currency else 1


def available_of(seller: Seller, currency: str) -> int:
    """Return what of the seller's wallet can be paid out now, in minor units."""
    return balance_of(
        scope=seller.scope, code=chart.SELLER_PAYABLE, currency=currency, owner=seller.id
    ).available


def _new_payout(seller: Seller, wish: PayoutWish, *, origin: Origin, now: datetime) -> Payout:
    needs_approval = needs_second_person(
        wish.amount, wish.currency, limit=settings.PAYOUT_APPROVAL_LIMIT
    )
    leaves_at = now + timedelta(seconds=settings.PAYOUT_CANCEL_WINDOW_SECONDS)
    return Payout(
        id=new_id("po"),
        merchant_id=seller.merchant_id,
        livemode=seller.livemode,
        version=1,
        seller=seller,
        amount=wish.amount,
        currency=wish.currency,
        automatic=wish.automatic,
        gateway=settings.PAYOUT_GATEWAY or gateway_names()[0],
        needs_approval=needs_approval,
        requested_by=origin.actor,
        description=wish.description,
        statement_descriptor=wish.statement_descriptor,
        metadata=dict(wish.metadata),
        due_at=None if needs_approval else leaves_at,
        created_at=now,
    )


def _born(payout: Payout) -> dict[str, Any]:
    """Return the fields with which the payout begins, as its first event keeps them."""
    return {name: getattr(payout, name) for name in Payout.BORN}


def approve_payout(*, payout_id: str, by: str, origin: Origin, now: datetime) -> Payout:
    """
    Let a payout leave after a second person agreed; one that is over by now stays as it is.

    PostgreSQL refuses an approver who asked for the payout.
    """
    with transaction.atomic():
        payout = Payout.objects.lock(payout_id)
        if payout.waits_for_approval:
            payout.due_at = now
            _happen(payout, "payout.approved", {"by": by}, origin=origin, now=now)
            payout.save()
    return payout


def cancel_payout(*, scope: Scope, payout_id: str, origin: Origin, now: datetime) -> Payout:
    """
    Give a payout up that has not left yet; the money is available again.

    :raises ResourceMissing: no such payout
    :raises PayoutNotCancelable: it may be on its way already, or is over
    """
    get_payout(scope, payout_id)
    with transaction.atomic():
        payout = Payout.objects.lock(payout_id)
        if payout.status != P.PENDING or payout.sent_at is not None:
            status = "being sent" if payout.status == P.PENDING else payout.status
            raise PayoutNotCancelable(payout=payout.id, status=status)
        payout.due_at = None
        _happen(payout, "payout.canceled", {"by": origin.actor}, origin=origin, now=now)
        payout.save()
        post_entry(_released(payout, now=now))
    return payout


def update_payout(
    *,
    scope: Scope,
    payout_id: str,
    metadata: Mapping[str, str] | None,
    origin: Origin,
    now: datetime,
) -> Payout:
    """
    Change a payout's metadata, key by key; None unsets all.

    :raises ResourceMissing: no such payout
    """
    get_payout(scope, payout_id)
    with transaction.atomic():
        payout = Payout.objects.lock(payout_id)
        changed = {"metadata": merge_metadata(payout.metadata, metadata)}
        _happen(payout, "payout.updated", changed, origin=origin, now=now)
        payout.save()
    return payout


# The claim notes that the payout is being sent: from here on nobody can cancel it. Until then it
# waits while its seller is suspended.
_CLAIM = """
UPDATE payouts_payout SET due_at = %s, checks = checks + 1, sent_at = coalesce(sent_at, %s)
WHERE id IN (
    SELECT payout.id FROM payouts_payout payout
      JOIN payouts_seller seller ON seller.id = payout.seller_id
     WHERE payout.due_at <= %s AND (payout.sent_at IS NOT NULL OR seller.status = 'active')
     ORDER BY payout.due_at LIMIT %s FOR UPDATE OF payout SKIP LOCKED
)
RETURNING id
"""


def sweep_payouts(*, now: datetime) -> int:
    """Send due payouts, and ask about those on their way; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [now + LEASE, now, now, BATCH])
        claimed = [row[0] for row in cursor.fetchall()]
    for payout_id in claimed:
        try:
            run_payout(payout_id=payout_id, now=now)
        except Exception:
            logger.exception("%s was not sent; it is tried again after its lease", payout_id)
    return len(claimed)


def run_payout(*, payout_id: str, origin: Origin = CLOCK, now: datetime) -> Payout:
    """
    Send a claimed payout to its gateway, outside any transaction, and record the outcome.

    The payout's id is the key there, so running it twice moves the money once.
    """
    payout = Payout.objects.select_related("seller").get(pk=payout_id)
    if payout.sent_at is None or payout.status not in {P.PENDING, P.IN_TRANSIT}:
        return payout
    release_connection()
    try:
        outcome: PayoutOutcome = call_gateway(
            lambda: _send(payout, now=now),
            gateway=payout.gateway,
            operation="payout",
            clock=running_clock(now),
        )
    except GatewayError as error:
        logger.warning("payout %s: %s: %s", payout_id, type(error).__name__, error)
        outcome = error
    return record_payout(payout_id=payout_id, outcome=outcome, origin=origin, now=now)


def _send(payout: Payout, *, now: datetime) -> PayoutResult:
    gateway = get_gateway(payout.gateway)
    if payout.gateway_reference:
        return gateway.retrieve_payout(payout.gateway_reference)
    if payout.sent_at is not None and now - payout.sent_at > KEY_LIFETIME:
        found = gateway.find_payout(payout.id)
        if found is None:
            raise GatewayNeverReceived("the gateway has no payout with our reference")
        return found
    return gateway.create_payout(
        PayoutRequest(
            payout_id=payout.id,
            amount=payout.amount,
            currency=payout.currency,
            destination=payout.seller.payout_destination,
            description=payout.description,
            statement_descriptor=payout.statement_descriptor,
        )
    )


def record_payout(
    *, payout_id: str, outcome: PayoutOutcome, origin: Origin, now: datetime
) -> Payout:
    """
    Record what a gateway said about a payout; hearing it twice changes nothing.

    The books change in the same transaction. A payout reported as paid may still fail: the money
    is then back in the wallet (AC-68).
    """
    with transaction.atomic():
        payout = Payout.objects.lock(payout_id)
        if isinstance(outcome, PayoutResult):
            entries = _settle_result(payout, outcome, origin=origin, now=now)
        else:
            entries = _settle_setback(payout, outcome, origin=origin, now=now)
        payout.save()
        post_entries(entries)
    return payout


def _settle_result(
    payout: Payout, result: PayoutResult, *, origin: Origin, now: datetime
) -> list[EntryDraft]:
    if (result.amount, result.currency.upper()) != (payout.amount, payout.currency):
        logger.error(
            "%s: the gateway pays out %s %s, asked were %s %s",
            payout.id, result.amount, result.currency, payout.amount, payout.currency,
        )  # fmt: skip
        payout.due_at = None
        return []
    if result.state in {PayoutState.FAILED, PayoutState.CANCELED}:
        return _settle_failure(payout, result, origin=origin, now=now)
    entries = []
    if payout.status == P.PENDING:
        arrives_on = result.arrives_on.isoformat() if result.arrives_on else None
        facts = {"reference": result.reference, "arrives_on": arrives_on}
        _happen(payout, "payout.in_transit", facts, origin=origin, now=now)
        entries.append(recipes.payout_sent(_fact(payout, now=now), seller_id=payout.seller_id))
    if payout.status == P.IN_TRANSIT and result.state == PayoutState.PAID:
        _happen(payout, "payout.paid", {}, origin=origin, now=now)
        entries.append(recipes.payout_paid(_fact(payout, now=now), seller_id=payout.seller_id))
    is_open = payout.status == P.IN_TRANSIT
    payout.due_at = next_check(now, checks=payout.checks) if is_open else None
    return entries


def _settle_failure(
    payout: Payout, result: PayoutResult, *, origin: Origin, now: datetime
) -> list[EntryDraft]:
    if payout.status in {P.FAILED, P.CANCELED}:
        return []
    was = payout.status
    payout.due_at = None
    if result.state == PayoutState.CANCELED and was != P.PAID:
        _happen(payout, "payout.canceled", {"by": origin.actor}, origin=origin, now=now)
    else:
        code = result.failure_code or "payout_failed"
        _happen(payout, "payout.failed", {"code": code[:60]}, origin=origin, now=now)
    return [_money_back(payout, was, now=now)]


def _money_back(payout: Payout, was: str, *, now: datetime) -> EntryDraft:
    """Return the entry which puts the money back into the wallet, wherever it was."""
    fact = _fact(payout, now=now)
    if was == P.PENDING:
        return _released(payout, now=now)
    if was == P.IN_TRANSIT:
        return recipes.payout_failed(fact, seller_id=payout.seller_id)
    return recipes.payout_returned(fact, seller_id=payout.seller_id)


def _settle_setback(
    payout: Payout, error: GatewayError, *, origin: Origin, now: datetime
) -> list[EntryDraft]:
    if payout.status not in {P.PENDING, P.IN_TRANSIT}:
        return []
    is_refused = isinstance(error, GatewayRejected | GatewayNeverReceived)
    if payout.status == P.PENDING and is_refused:
        code = error.code if isinstance(error, GatewayRejected) else "never_received"
        payout.due_at = None
        facts = {"code": (code or "gateway_rejected")[:60]}
        _happen(payout, "payout.failed", facts, origin=origin, now=now)
        return [_released(payout, now=now)]
    payout.due_at = next_check(now, checks=payout.checks)
    if payout.due_at is None:
        logger.error("%s: nobody knows what became of it; a person has to look", payout.id)
    return []


def _released(payout: Payout, *, now: datetime) -> EntryDraft:
    return recipes.payout_released(_fact(payout, now=now), seller_id=payout.seller_id)


def _fact(payout: Payout, *, now: datetime) -> Fact:
    return Fact(
        scope=payout.scope,
        id=payout.id,
        amount=payout.amount,
        currency=payout.currency,
        gateway=payout.gateway,
        at=now,
    )


def _happen(
    payout: Payout, type_: str, data: dict[str, Any], *, origin: Origin, now: datetime
) -> None:
    """Move the payout and keep the event; the caller saves the row and books."""
    payout.apply(type_, data)
    _publish(payout, type_, data, origin=origin, now=now)


def _publish(
    payout: Payout, type_: str, data: dict[str, Any], *, origin: Origin, now: datetime
) -> None:
    publish(
        EventDraft.about(
            payout,
            type_,
            render_payout(payout),
            sequence=payout.version,
            origin=origin,
            now=now,
            data=data,
        )
    )
