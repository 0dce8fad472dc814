"""
How each business fact is booked: pure functions from a fact to a balanced entry.

Amounts are positive minor units. `gateway` is the name of the gateway account which holds the
money. Each recipe is explained in docs/ledger.md.
"""

from dataclasses import dataclass
from datetime import datetime

from apps.common.origin import Scope
from apps.ledger import chart
from apps.ledger.drafts import EntryDraft, Leg
from apps.ledger.states import Layer


@dataclass(frozen=True, slots=True)
class Share:
    """What one seller gets of a payment, or gives back; the rest of the amount is ours."""

    seller_id: str
    amount: int


def authorised(
    *, scope: Scope, attempt_id: str, gateway: str, amount: int, currency: str, now: datetime
) -> EntryDraft:
    """Hold money: pending at the gateway, nothing has moved."""
    return EntryDraft(
        scope=scope,
        kind="authorised",
        source_type="payment_attempt",
        source_id=attempt_id,
        booked_at=now,
        legs=_hold(gateway, amount, currency),
    )


def authorisation_raised(
    *, scope: Scope, raise_id: str, gateway: str, amount: int, currency: str, now: datetime
) -> EntryDraft:
    """Hold `amount` more on top of an authorisation; `raise_id` names the raise."""
    return EntryDraft(
        scope=scope,
        kind="authorisation_raised",
        source_type="payment_attempt",
        source_id=raise_id,
        booked_at=now,
        legs=_hold(gateway, amount, currency),
    )


def captured(
    *,
    scope: Scope,
    attempt_id: str,
    gateway: str,
    amount: int,
    currency: str,
    now: datetime,
    fee: int = 0,
    release: int = 0,
    shares: tuple[Share, ...] = (),
    platform_fee: int = 0,
) -> EntryDraft:
    """
    Take money: the gateway owes us `amount` less its `fee`, if the fee is known already.

    `release` is what was held and ends with this capture: the whole authorisation, also when less
    was captured. `shares` go to sellers and `platform_fee` to us; what is left counts as sales.
    Where a payment is captured in parts, `attempt_id` names the part.
    """
    sales = amount - sum(share.amount for share in shares) - platform_fee
    return EntryDraft(
        scope=scope,
        kind="captured",
        source_type="payment_attempt",
        source_id=attempt_id,
        booked_at=now,
        legs=_legs(
            currency,
            (chart.GATEWAY_CLEARING, gateway, amount - fee),
            (chart.GATEWAY_FEES, gateway, fee),
            (chart.SALES, "", -sales),
            (chart.PLATFORM_FEES, "", -platform_fee),
            *((chart.SELLER_PENDING, share.seller_id, -share.amount) for share in shares),
        )
        + _hold(gateway, -release, currency),
    )


def voided(
    *, scope: Scope, attempt_id: str, gateway: str, amount: int, currency: str, now: datetime
) -> EntryDraft:
    """Let go of held money: the authorisation was voided, or its time ran out."""
    return EntryDraft(
        scope=scope,
        kind="voided",
        source_type="payment_attempt",
        source_id=attempt_id,
        booked_at=now,
        legs=_hold(gateway, -amount, currency),
    )


def fee_charged(
    *,
    scope: Scope,
    source_type: str,
    source_id: str,
    gateway: str,
    amount: int,
    currency: str,
    now: datetime,
) -> EntryDraft:
    """Book a fee which the gateway told after the fact: it keeps it from what it owes us."""
    return EntryDraft(
        scope=scope,
        kind="fee_charged",
        source_type=source_type,
        source_id=source_id,
        booked_at=now,
        legs=_legs(
            currency,
            (chart.GATEWAY_FEES, gateway, amount),
            (chart.GATEWAY_CLEARING, gateway, -amount),
        ),
    )


def refunded(
    *,
    scope: Scope,
    refund_id: str,
    gateway: str,
    amount: int,
    currency: str,
    now: datetime,
    shares: tuple[Share, ...] = (),
    platform_fee: int = 0,
) -> EntryDraft:
    """
    Give money back: the gateway takes `amount` from what it owes us.

    `shares` come from the sellers' wallets, below zero if need be, and `platform_fee` from ours.
    """
    own = amount - sum(share.amount for share in shares) - platform_fee
    return EntryDraft(
        scope=scope,
        kind="refunded",
        source_type="refund",
        source_id=refund_id,
        booked_at=now,
        legs=_refund_legs(gateway, amount, currency, own, shares, platform_fee),
    )


def refund_reversed(
    *,
    scope: Scope,
    refund_id: str,
    gateway: str,
    amount: int,
    currency: str,
    now: datetime,
    shares: tuple[Share, ...] = (),
    platform_fee: int = 0,
) -> EntryDraft:
    """Take a booked refund back: it failed after the gateway had reported it (AC-49b)."""
    own = amount - sum(share.amount for share in shares) - platform_fee
    legs = _refund_legs(gateway, amount, currency, own, shares, platform_fee)
    return EntryDraft(
        scope=scope,
        kind="refund_reversed",
        source_type="refund",
        source_id=refund_id,
        booked_at=now,
        legs=tuple(leg.reversed() for leg in legs),
    )


def _refund_legs(
    gateway: str,
    amount: int,
    currency: str,
    own: int,
    shares: tuple[Share, ...],
    platform_fee: int,
) -> tuple[Leg, ...]:
    return _legs(
        currency,
        (chart.REFUNDS, "", own),
        (chart.PLATFORM_FEES, "", platform_fee),
        *((chart.SELLER_PAYABLE, share.seller_id, share.amount) for share in shares),
        (chart.GATEWAY_CLEARING, gateway, -amount),
        forced=True,
    )


def _hold(gateway: str, amount: int, currency: str) -> tuple[Leg, ...]:
    return _legs(
        currency,
        (chart.GATEWAY_CLEARING, gateway, amount),
        (chart.SALES, "", -amount),
        layer=Layer.PENDING,
    )


def _legs(
    currency: str,
    *lines: tuple[str, str, int],
    layer: Layer = Layer.POSTED,
    forced: bool = False,
) -> tuple[Leg, ...]:
    """Return one leg per (account, owner, amount); lines of zero drop out."""
    return tuple(
        Leg(
            account=account,
            owner=owner,
            amount=amount,
            currency=currency,
            layer=layer,
            forced=forced,
        )
        for account, owner, amount in lines
        if amount
    )
