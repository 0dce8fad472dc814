"""Sellers and their money ready for a test, made by the services themselves."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from apps.common.origin import Scope
from apps.ledger.selectors import Wallet, get_wallet
from apps.payouts.models import Payout, Seller
from apps.payouts.services.payouts import PayoutWish, create_payout
from apps.payouts.services.sellers import create_seller
from apps.payouts.services.transfers import create_transfer
from tests.factories.payments import SCOPE, TESTER


def seller_of(
    scope: Scope = SCOPE, *, now: datetime | None = None, schedule: Any = None, **fields: Any
) -> Seller:
    """Return a seller with a bank account, paid out by hand unless the test says otherwise."""
    return create_seller(
        scope=scope,
        fields={"default_currency": "EUR", "payout_destination": "ba_seller", **fields},
        schedule=schedule or {"interval": "manual"},
        origin=TESTER,
        now=now or timezone.now(),
    )


def paid_seller(amount: int = 1000, currency: str = "EUR", **fields: Any) -> Seller:
    """Return a seller with money in the wallet."""
    seller = seller_of(**fields)
    create_transfer(
        scope=seller.scope,
        seller_id=seller.id,
        amount=amount,
        currency=currency,
        origin=TESTER,
        now=fields.get("now") or timezone.now(),
    )
    return seller


def asked_payout(
    seller: Seller, amount: int, currency: str = "EUR", *, now: datetime | None = None
) -> Payout:
    """Return a payout that waits to be sent."""
    return create_payout(
        scope=seller.scope,
        seller_id=seller.id,
        wish=PayoutWish(amount=amount, currency=currency),
        origin=TESTER,
        now=now or timezone.now(),
    )


def wallet_of(seller: Seller, currency: str = "EUR") -> Wallet:
    """Return what the seller has."""
    return get_wallet(scope=seller.scope, seller_id=seller.id, currency=currency)
