"""What may be done to the books."""

from apps.ledger.services.accounts import close_account, set_account_floor
from apps.ledger.services.balances import rebuild_balances, take_snapshots
from apps.ledger.services.periods import close_period
from apps.ledger.services.posting import (
    post_entries,
    post_entry,
    reverse_entry,
    translate_refusals,
)
from apps.ledger.services.seals import seal_entries

__all__ = [
    "close_account",
    "close_period",
    "post_entries",
    "post_entry",
    "rebuild_balances",
    "reverse_entry",
    "seal_entries",
    "set_account_floor",
    "take_snapshots",
    "translate_refusals",
]
