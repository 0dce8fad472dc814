"""The money of disputes: what the gateway moved, and what of it is lost in the end."""

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from apps.common.ids import new_id
from apps.common.origin import CLOCK
from apps.disputes.models import Dispute, DisputeFunds
from apps.disputes.policies import booked_part
from apps.disputes.services.events import Moment
from apps.disputes.states import GIVEN_UP, DisputeStatus, FundsKind
from apps.gateways.base import DisputeMovement, DisputeResult
from apps.ledger import recipes
from apps.ledger.drafts import EntryDraft
from apps.ledger.exchange import find_exchange, find_position
from apps.ledger.policies import Conversion, Exchange, Position, implied_rate
from apps.ledger.recipes import Fact
from apps.ledger.services import post_entry
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.payouts.services.shares import Taken, give_share_again, take_back_share


def book_funds(dispute: Dispute, result: DisputeResult, moment: Moment) -> list[EntryDraft]:
    """Return the entries of the gateway's movements that we have not booked yet (AC-83)."""
    known = set(dispute.funds.values_list("gateway_reference", flat=True))
    return [
        _book_movement(dispute, movement, moment)
        for movement in result.movements
        if movement.reference not in known and movement.amount
    ]


def _book_movement(dispute: Dispute, movement: DisputeMovement, moment: Moment) -> EntryDraft:
    is_back = movement.amount > 0
    funds = _keep(
        dispute,
        FundsKind.REINSTATED if is_back else FundsKind.WITHDRAWN,
        moment,
        amount=abs(movement.amount),
        fee=abs(movement.fee),
        currency=movement.currency,
        gateway_reference=movement.reference,
    )
    name = "reinstated" if is_back else "withdrawn"
    moment.happen(
        dispute,
        f"charge.dispute.funds_{name}",
        withdrawn=-movement.amount,
        fee=movement.fee,
        currency=movement.currency,
        funds=funds.id,
    )
    fact = _fact(dispute, funds, moment)
    if is_back:
        return recipes.dispute_reinstated(fact, fee_returned=funds.fee)
    return recipes.dispute_withdrawn(fact, fee=funds.fee)


def book_late_fee(*, funds_id: str, fee: int, now: datetime) -> None:
    """
    Book the fee of a movement that only the gateway's settlement report tells.

    `fee` is minor units of the movement's currency. Whoever reads the report tells each fee once.
    """
    with transaction.atomic():
        funds = DisputeFunds.objects.get(pk=funds_id)
        dispute = Dispute.objects.lock(funds.dispute_id)
        moment = Moment(origin=CLOCK, now=now)
        moment.happen(dispute, "charge.dispute.updated", amount_fees=dispute.amount_fees + fee)
        dispute.save()
        fact = replace(_fact(dispute, funds, moment), amount=fee)
        post_entry(recipes.dispute_fee_charged(fact))


def settle_loss(
    dispute: Dispute, attempt: PaymentAttempt, intent: PaymentIntent, moment: Moment
) -> list[EntryDraft]:
    """
    Return the entry which makes what is booked as lost agree with how the dispute stands.

    A dispute that is given up has lost what the gateway withdrew; any other has lost nothing, so
    a late decision for us takes the loss back. The caller holds the payment's lock.
    """
    lost = dispute.amount_withdrawn if dispute.status in GIVEN_UP else 0
    if lost == dispute.amount_lost:
        return []
    if lost > dispute.amount_lost:
        return [_lose(dispute, attempt, intent, lost - dispute.amount_lost, moment)]
    return [_return_loss(dispute, attempt, dispute.amount_lost - lost, moment)]


def _lose(
    dispute: Dispute, attempt: PaymentAttempt, intent: PaymentIntent, amount: int, moment: Moment
) -> EntryDraft:
    funds = _keep(dispute, FundsKind.LOST, moment, amount=amount, currency=dispute.funds_currency)
    _count_loss(dispute, dispute.amount_lost + amount, moment)
    position = _position(dispute, attempt)
    if position is not None:
        return _lose_abroad(dispute, funds, position, attempt, intent, moment)
    booked = _booked(dispute, attempt, amount)
    is_same_money = dispute.funds_currency == attempt.currency
    taken = _take_share(funds, attempt, intent, booked, moment) if is_same_money else Taken()
    return _lost(dispute, _fact(dispute, funds, moment), booked=booked, taken=taken)


def _lose_abroad(
    dispute: Dispute,
    funds: DisputeFunds,
    position: Position,
    attempt: PaymentAttempt,
    intent: PaymentIntent,
    moment: Moment,
) -> EntryDraft:
    """
    Book a loss of money that the gateway exchanged: it took `funds`, at another rate than then.

    The loss itself, and the seller's part of it, are in the payment's currency.
    """
    rate = position.rate
    disputed = min(dispute.amount, position.amount)
    taken = _take_share(funds, attempt, intent, disputed, moment)
    fact = replace(_fact(dispute, funds, moment), amount=disputed, currency=rate.base)
    today = implied_rate(
        amount=disputed,
        base=rate.base,
        settled=funds.amount,
        quote=rate.quote,
        source=dispute.gateway,
        at=moment.now,
    )
    exchange = Exchange(
        settled=Conversion(funds.amount, rate.quote, today), booked=position.booked_part(disputed)
    )
    lost = _lost(dispute, fact, booked=disputed, taken=taken)
    return recipes.exchanged_by_gateway(lost, payment=attempt.id, exchange=exchange)


def _lost(dispute: Dispute, fact: Fact, *, booked: int, taken: Taken) -> EntryDraft:
    is_given_back = dispute.status == DisputeStatus.PREVENTED
    book = recipes.dispute_prevented if is_given_back else recipes.dispute_lost
    return book(fact, booked=booked, shares=taken.shares, platform_fee=taken.fee)


def _position(dispute: Dispute, attempt: PaymentAttempt) -> Position | None:
    """Return what is left of a payment that the gateway exchanged into the currency it took."""
    if dispute.funds_currency == attempt.currency or dispute.currency != attempt.currency:
        return None
    position = find_position(scope=dispute.scope, payment=attempt.id)
    is_ours = position is not None and position.rate.quote == dispute.funds_currency
    return position if is_ours and position is not None and position.amount > 0 else None


def _return_loss(
    dispute: Dispute, attempt: PaymentAttempt, amount: int, moment: Moment
) -> EntryDraft:
    losses = _standing_losses(dispute)
    lost = _find_exchange(losses)
    kind = FundsKind.LOSS_RETURNED
    funds = _keep(dispute, kind, moment, amount=amount, currency=dispute.funds_currency)
    _count_loss(dispute, dispute.amount_lost - amount, moment)
    given = _give_shares(losses, moment)
    fact = _fact(dispute, funds, moment)
    if lost is not None:
        disputed, exchange = lost
        back = recipes.dispute_loss_returned(
            replace(fact, amount=disputed, currency=attempt.currency),
            booked=disputed,
            shares=given.shares,
            platform_fee=given.fee,
        )
        settled = replace(exchange.settled, amount=amount)
        return recipes.exchanged_by_gateway(
            back, payment=attempt.id, exchange=replace(exchange, settled=settled)
        )
    booked = _booked(dispute, attempt, amount)
    return recipes.dispute_loss_returned(
        fact, booked=booked, shares=given.shares, platform_fee=given.fee
    )


def _standing_losses(dispute: Dispute) -> list[str]:
    """Return the losses since the last one that was taken back, oldest first."""
    returned = dispute.funds.filter(kind=FundsKind.LOSS_RETURNED).order_by("-id").first()
    losses = dispute.funds.filter(kind=FundsKind.LOST)
    if returned is not None:
        losses = losses.filter(id__gt=returned.id)
    return list(losses.order_by("id").values_list("id", flat=True))


def _give_shares(losses: list[str], moment: Moment) -> Taken:
    given = [give_share_again(source=id_, origin=moment.origin, now=moment.now) for id_ in losses]
    return Taken(
        shares=tuple(share for taken in given for share in taken.shares),
        fee=sum(taken.fee for taken in given),
    )


def _find_exchange(losses: list[str]) -> tuple[int, Exchange] | None:
    """Return how the latest loss was exchanged, if it was; it comes back the same way."""
    if not losses:
        return None
    return find_exchange(
        source_type="dispute",
        source_id=losses[-1],
        kinds=["dispute_lost", "dispute_prevented"],
    )


def _take_share(
    funds: DisputeFunds,
    attempt: PaymentAttempt,
    intent: PaymentIntent,
    booked: int,
    moment: Moment,
) -> Taken:
    """Let the seller bear their part of a loss, `booked` in the payment's currency."""
    if not intent.transfer_destination:
        return Taken()
    return take_back_share(
        charge_id=attempt.charge_id,
        # A dispute may be lost, won and lost again: each loss is borne for itself.
        source=funds.id,
        amount=booked,
        payment_left=intent.amount_received - intent.amount_refunded,
        origin=moment.origin,
        now=moment.now,
    )


def _booked(dispute: Dispute, attempt: PaymentAttempt, amount: int) -> int:
    if dispute.funds_currency != attempt.currency:
        return amount
    return booked_part(amount, captured=attempt.amount_captured)


def _count_loss(dispute: Dispute, amount_lost: int, moment: Moment) -> None:
    moment.happen(dispute, "charge.dispute.updated", amount_lost=amount_lost)


def _keep(
    dispute: Dispute,
    kind: FundsKind,
    moment: Moment,
    *,
    amount: int,
    currency: str,
    fee: int = 0,
    gateway_reference: str = "",
) -> DisputeFunds:
    return DisputeFunds.objects.create(
        id=new_id("dpf"),
        dispute=dispute,
        kind=kind,
        amount=amount,
        fee=fee,
        currency=currency,
        gateway_reference=gateway_reference,
        created_at=moment.now,
    )


def _fact(dispute: Dispute, funds: DisputeFunds, moment: Moment) -> Fact:
    return Fact(
        scope=dispute.scope,
        id=funds.id,
        amount=funds.amount,
        currency=funds.currency,
        gateway=dispute.gateway,
        at=moment.now,
        metadata={"dispute": dispute.id, "payment_intent": dispute.intent_id},
    )
