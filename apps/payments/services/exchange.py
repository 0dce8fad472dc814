"""Money that a gateway changes into another currency on its way to us, and back."""

import logging
from datetime import datetime

from apps.common.origin import Scope
from apps.gateways.base import Settlement
from apps.ledger import recipes
from apps.ledger.drafts import EntryDraft
from apps.ledger.errors import RateMissing, RateStale
from apps.ledger.exchange import convert_today, find_exchange, find_position
from apps.ledger.policies import Conversion, Exchange, Position, Rate
from apps.ledger.services.rates import keep_rates
from apps.payments.models import PaymentAttempt, Refund

logger = logging.getLogger(__name__)


def exchange_capture(
    draft: EntryDraft, attempt: PaymentAttempt, settlement: Settlement | None
) -> EntryDraft:
    """Book the capture in the currency that the gateway credited us."""
    if settlement is None:
        return draft
    settled = convert_as_told(attempt, settlement)
    exchange = Exchange(settled=settled, booked=settled.amount, fee=settlement.fee)
    return recipes.exchanged_by_gateway(draft, payment=attempt.id, exchange=exchange)


def exchange_refund(
    draft: EntryDraft, refund: Refund, settlement: Settlement | None, *, now: datetime
) -> EntryDraft:
    """
    Book the refund in the currency that the gateway took it in, and what the rate changed.

    A gateway that does not tell its rate is taken at the latest one we know, or, if that is too
    old, at the rate of the capture; its report corrects us then.
    """
    attempt = refund.attempt
    scope = Scope(attempt.merchant_id, attempt.livemode)
    position = find_position(scope=scope, payment=attempt.id)
    if position is None:
        return draft
    booked = position.booked_part(refund.amount)
    if settlement is not None and settlement.currency == position.rate.quote:
        settled, fee = convert_as_told(attempt, settlement), settlement.fee
    else:
        settled, fee = _estimate(refund, position, booked, now=now), 0
    exchange = Exchange(settled=settled, booked=booked, fee=fee)
    return recipes.exchanged_by_gateway(draft, payment=attempt.id, exchange=exchange)


def exchange_refund_back(draft: EntryDraft, refund: Refund) -> EntryDraft:
    """Take a booked refund back as it was booked, its rate included (AC-49b)."""
    found = find_exchange(source_type="refund", source_id=refund.id, kinds=["refunded"])
    if found is None:
        return draft
    _, exchange = found
    return recipes.exchanged_by_gateway(draft, payment=refund.attempt_id, exchange=exchange)


def convert_as_told(attempt: PaymentAttempt, settlement: Settlement) -> Conversion:
    """Return what the gateway made of money of an attempt, at the rate that it told."""
    rate = Rate(
        base=attempt.currency,
        quote=settlement.currency,
        value=settlement.rate,
        source=attempt.gateway,
        as_of=settlement.at,
    )
    return Conversion(settlement.amount, settlement.currency, rate)


def keep_told_rate(attempt: PaymentAttempt, settlement: Settlement | None) -> None:
    """Keep the gateway's rate, for gateways that do not tell theirs."""
    if settlement is not None:
        keep_rates([convert_as_told(attempt, settlement).rate])


def _estimate(refund: Refund, position: Position, booked: int, *, now: datetime) -> Conversion:
    rate = position.rate
    try:
        return convert_today(refund.amount, base=rate.base, quote=rate.quote, now=now)
    except (RateMissing, RateStale) as refusal:
        logger.warning("%s goes back at the rate of its capture: %s", refund.id, refusal)
        return Conversion(booked, rate.quote, rate)
