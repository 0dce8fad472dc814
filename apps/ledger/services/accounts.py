"""The few things about an account that may change."""

from datetime import datetime

from django.db import connection, transaction

from apps.ledger.errors import AccountNotEmpty
from apps.ledger.models import Account
from apps.ledger.selectors import get_balance


def close_account(*, account_id: int, now: datetime) -> Account:
    """
    Refuse postings on an account from now on; closing it twice changes nothing.

    :raises AccountNotEmpty: there is or will be money on it
    Source: docs/ledger.md
    """
    with transaction.atomic():
        # Writers project balances before they look whether the account is closed, so holding
        # the balances for a moment decides who comes first.
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE ledger_balance IN SHARE ROW EXCLUSIVE MODE")
        account = Account.objects.select_for_update().get(pk=account_id)
        if account.closed_at is not None:
            return account
        balance = get_balance(account)
        if balance.posted or balance.pending:
            raise AccountNotEmpty(
                account=account_id, posted=balance.posted, pending=balance.pending
            )
        account.closed_at = now
        account.save(update_fields=["closed_at"])
    return account


def set_account_floor(*, account_id: int, floor: int | None) -> Account:
    """
    Allow an account to fall to `floor` minor units, or without limit.

    A balance below the new floor stays; only what would lower it further is refused.
    Source: AC-54
    """
    with transaction.atomic():
        account = Account.objects.select_for_update().get(pk=account_id)
        account.floor = floor
        account.save(update_fields=["floor"])
    return account
