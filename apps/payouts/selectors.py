"""Reads of sellers, their wallets, transfers and payouts."""

from collections.abc import Mapping, Sequence

from django.db import connection

from apps.common.origin import Scope
from apps.common.rows import get_row
from apps.ledger import chart
from apps.ledger.selectors import Wallet
from apps.payouts.models import Payout, Seller, Transfer

_WALLET = (chart.SELLER_PENDING, chart.SELLER_PAYABLE, chart.SELLER_RESERVE)


def get_seller(scope: Scope, seller_id: str, *, param: str = "account") -> Seller:
    """
    Return the seller.

    :raises ResourceMissing: not of this account and mode
    """
    return get_row(Seller.objects, scope, seller_id, resource="account", param=param)


def get_transfer(scope: Scope, transfer_id: str) -> Transfer:
    """
    Return the transfer.

    :raises ResourceMissing: not of this account and mode
    """
    return get_row(Transfer.objects, scope, transfer_id, resource="transfer", param="id")


def get_payout(scope: Scope, payout_id: str) -> Payout:
    """
    Return the payout.

    :raises ResourceMissing: not of this account and mode
    """
    return get_row(Payout.objects, scope, payout_id, resource="payout", param="id")


def find_share(charge_id: str) -> Transfer | None:
    """Return the seller's share of a captured charge, None when it was not split."""
    return Transfer.objects.filter(source_transaction=charge_id, from_capture=True).first()


def list_wallets(seller: Seller) -> dict[str, Wallet]:
    """Return the seller's wallet in each currency they ever had money in, in one statement."""
    return read_wallets([seller])[seller.id]


def read_wallets(sellers: Sequence[Seller]) -> dict[str, dict[str, Wallet]]:
    """Return the wallets of several sellers, by their ids and by currency, in one statement."""
    sums: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            _SUMS,
            [
                [seller.id for seller in sellers],
                list({seller.merchant_id for seller in sellers}),
                list({seller.livemode for seller in sellers}),
                list(_WALLET),
            ],
        )
        for owner, currency, code, posted, pending in cursor.fetchall():
            sums.setdefault((owner, currency), {})[code] = (int(posted), int(pending))
    wallets: dict[str, dict[str, Wallet]] = {seller.id: {} for seller in sellers}
    for (owner, currency), accounts in sums.items():
        wallets[owner][currency] = _wallet(accounts)
    return wallets


def _wallet(accounts: Mapping[str, tuple[int, int]]) -> Wallet:
    nothing = (0, 0)
    posted, pending = accounts.get(chart.SELLER_PAYABLE, nothing)
    return Wallet(
        pending=accounts.get(chart.SELLER_PENDING, nothing)[0],
        available=posted + min(pending, 0),
        reserved=accounts.get(chart.SELLER_RESERVE, nothing)[0],
    )


_SUMS = """
SELECT account.owner, account.currency, account.code, sum(credit_posted - debit_posted),
       sum(credit_pending - debit_pending)
  FROM ledger_account account JOIN ledger_balance balance ON balance.account_id = account.id
 WHERE account.owner = ANY (%s) AND account.merchant_id = ANY (%s)
   AND account.livemode = ANY (%s) AND account.code = ANY (%s)
 GROUP BY account.owner, account.currency, account.code ORDER BY account.owner, account.currency
"""
