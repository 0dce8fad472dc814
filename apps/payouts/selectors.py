"""Reads of sellers, their wallets, transfers and payouts."""

from apps.common.errors import ResourceMissing
from apps.common.origin import Scope
from apps.ledger import chart
from apps.ledger.models import Account
from apps.ledger.selectors import Wallet, get_wallet
from apps.payouts.models import Payout, Seller, Transfer

_WALLET = (chart.SELLER_PENDING, chart.SELLER_PAYABLE, chart.SELLER_RESERVE)


def get_seller(scope: Scope, seller_id: str, *, param: str = "account") -> Seller:
    """
    Return the seller.

    :raises ResourceMissing: not of this account and mode
    """
    seller = Seller.objects.filter(
        pk=seller_id, merchant_id=scope.merchant_id, livemode=scope.livemode
    ).first()
    if seller is None:
        raise ResourceMissing(resource="account", id=seller_id, param=param)
    return seller


def get_transfer(scope: Scope, transfer_id: str) -> Transfer:
    """
    Return the transfer.

    :raises ResourceMissing: not of this account and mode
    """
    transfer = Transfer.objects.filter(
        pk=transfer_id, merchant_id=scope.merchant_id, livemode=scope.livemode
    ).first()
    if transfer is None:
        raise ResourceMissing(resource="transfer", id=transfer_id, param="id")
    return transfer


def get_payout(scope: Scope, payout_id: str) -> Payout:
    """
    Return the payout.

    :raises ResourceMissing: not of this account and mode
    """
    payout = Payout.objects.filter(
        pk=payout_id, merchant_id=scope.merchant_id, livemode=scope.livemode
    ).first()
    if payout is None:
        raise ResourceMissing(resource="payout", id=payout_id, param="id")
    return payout


def find_share(charge_id: str) -> Transfer | None:
    """Return the seller's share of a captured charge, None when it was not split."""
    return Transfer.objects.filter(source_transaction=charge_id, from_capture=True).first()


def wallet_currencies(seller: Seller) -> list[str]:
    """Return the currencies in which the seller ever had money."""
    rows = Account.objects.filter(
        merchant_id=seller.merchant_id,
        livemode=seller.livemode,
        code__in=_WALLET,
        owner=seller.id,
    )
    return sorted(set(rows.values_list("currency", flat=True)))


def list_wallets(seller: Seller) -> dict[str, Wallet]:
    """Return the seller's wallet in each currency in which they ever had money."""
    return {
        currency: get_wallet(scope=seller.scope, seller_id=seller.id, currency=currency)
        for currency in wallet_currencies(seller)
    }
